import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyJSON

extension HTTPField.Name {
    static let requestID = Self("x-request-id")!
    static let ignoredParameters = Self("x-shimmy-ignored-params")!
    static let accelBuffering = Self("x-accel-buffering")!
    static let retryAfterName = Self("retry-after")!
    static let apiKey = Self("api-key")!
    static let xAPIKey = Self("x-api-key")!
}

extension Response {
    static func json(_ json: JSON, status: HTTPResponse.Status = .ok) -> Response {
        let bytes = json.serialized()
        return Response(
            status: status, headers: [.contentType: "application/json", .contentLength: "\(bytes.count)"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func error(_ error: APIError) -> Response {
        var response = json(error.json, status: .init(code: error.status))
        if let seconds = error.retryAfter { response.headers[.retryAfterName] = "\(seconds)" }
        return response
    }
}
