package import ShimmyChat
package import ShimmyJSON

/// An event that a client sends over the WebSocket of `GET /v1/responses`.
package struct SocketEvent: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// Makes a response. The fields of the event are those of `POST /v1/responses`.
        case create
        /// Adds input to a running response, which this server does not support.
        case steer(previousID: String, input: JSON)
        /// Reports that the client has read a response. It needs no answer.
        case processed
    }

    package let kind: Kind

    /// The max bytes of a `stream_id`.
    package static let longestLane = 256

    /// The JSON schema of an event, without the fields of the request.
    static let schema: JSON = [
        "type": "object", "required": ["type"],
        "properties": [
            "type": ["type": "string", "enum": .array(Name.allCases.map { .string($0.rawValue) })],
            "stream_id": ["type": "string", "maxLength": .int(longestLane)], "generate": SchemaForms.bool,
        ],
    ]

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        if fields.value("type") == "response.append" { throw Self.noAppend }
        switch try fields.choice("type", as: Name.self) {
        case .create: kind = .create
        case .processed: kind = .processed
        case .steer: kind = .steer(previousID: try fields.requiredString("previous_response_id"), input: try fields.required("input"))
        }
    }

    /// The error for an event that earlier versions of the protocol had.
    private static let noAppend = APIError(
        status: 400,
        message: "Invalid 'type': 'response.append' is not supported. Use 'response.create' with 'previous_response_id', and the new items as "
            + "'input'.",
        param: "type", code: "invalid_value")

    private enum Name: String, CaseIterable {
        case create = "response.create"
        case steer = "response.steer"
        case processed = "response.processed"
    }

    /// Returns the `stream_id` of an event: the name of the sequence of responses that it belongs to; nil for the sequence without a name.
    package static func lane(of json: JSON) throws(APIError) -> String? {
        let fields = try FieldReader(json, path: .root)
        guard let lane = try fields.string("stream_id") else { return nil }
        if lane.utf8.count > longestLane {
            throw .stringTooLong(fields.path(to: "stream_id"), maximum: longestLane, got: lane.utf8.count)
        }
        return lane
    }

    /// Returns the request of a `response.create` event after the preset was applied to it. With `generate: false` or
    /// `prompt_cache_options.prewarm: true`, the response has no output: it only prepares the model for a later one. Its input may be empty.
    /// - media: the kinds of media that the model reads.
    package static func request(_ json: JSON, media: MediaKinds = .none) throws(APIError) -> ResponseRequest {
        let fields = try FieldReader(json, path: .root)
        if try fields.bool("background") == true {
            throw APIError(
                status: 400, message: "Invalid 'background': a response over a WebSocket cannot run in the background. Use POST /v1/responses.",
                param: "background", code: "invalid_value")
        }
        let prewarms = try fields.nested("prompt_cache_options")?.bool("prewarm") == true
        let isSilent = try fields.bool("generate") == false || prewarms
        var object = fields.object
        for name in ["type", "stream_id", "generate"] { object[name] = nil }
        // A WebSocket always streams. This also allows `stream_options`.
        object["stream"] = true
        var request = try ResponseRequest(.object(object), mayBeEmpty: isSilent, media: media)
        if isSilent {
            request.style.isSilent = true
            // The shortest answer that makes the engine compute the prompt.
            request.chat.maximumTokens = 1
        }
        return request
    }
}
