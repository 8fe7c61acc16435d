/// The media types of an endpoint's request and of its successful response, and the statuses of the response.
struct EndpointMedia: Sendable {
    /// The type of the request's body, if it has one.
    var request = "application/json"
    /// Another type that the request's body can have; nil for none.
    var otherRequest: String?
    /// The type of the complete response; nil for a response without a body.
    var response: String? = "application/json"
    /// The statuses of success.
    var statuses = [200]
    /// Whether the response is a stream if the request has a field `stream` that is true.
    var mayStream = true

    static let json = EndpointMedia()
    /// JSON, also for a request with the fields of one that can have a stream.
    static let wholeJSON = EndpointMedia(mayStream: false)
    /// JSON in, nothing but a status out.
    static let noAnswer = EndpointMedia(response: nil)
    /// A file that the client sends.
    static let upload = EndpointMedia(request: "application/octet-stream", response: nil, statuses: [200, 201])
    static let text = EndpointMedia(response: "text/plain")
    /// A form in, JSON out.
    static let form = EndpointMedia(request: "multipart/form-data")
    /// JSON or a form in, JSON out.
    static let jsonOrForm = EndpointMedia(otherRequest: "multipart/form-data")
    /// JSON in, bytes out.
    static let bytes = EndpointMedia(response: "application/octet-stream")
    /// A stream without an end.
    static let events = EndpointMedia(response: "text/event-stream")

    /// A file of the program, of which clients may already have the current version.
    static func file(_ type: String) -> EndpointMedia { EndpointMedia(response: type, statuses: [200, 304]) }
}
