import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyService

extension RequestReader {
    /// The max bytes of a header that is passed on.
    private static let headerBytes = 1_024
    /// The max bytes of a field that names a user.
    private static let userBytes = 256

    /// Reads a request for media, as JSON or as a form. The memory of the body counts towards the limit until the bytes are released.
    func media(
        _ request: Request, _ context: ShimmyRequestContext, _ endpoint: MediaRequest.Endpoint
    ) async throws -> (request: MediaRequest, bytes: RequestBytes) {
        let contentType = request.headers[.contentType] ?? ""
        let type = contentType.prefix { $0 != ";" }.trimmingSpaces.lowercased()
        let accept = request.headers[.accept].flatMap { $0.utf8.count <= Self.headerBytes ? $0 : nil }
        if type == "application/json", endpoint.takesJSON {
            let parsed = try await parse(request, context)
            context.life?.note(user: parsed.user, inputBytes: parsed.size)
            let object = try parsed.look { try MediaRequest.fields(of: $0) }
            return (MediaRequest(endpoint: endpoint, body: .json(object), accept: accept), parsed.bytes)
        }
        guard type == "multipart/form-data", endpoint.takesForm else { throw APIError.notMedia(endpoint) }
        let boundary = try MultipartReader.boundary(in: contentType)
        let encoding = try BodyEncoding(header: request.headers[.contentEncoding])
        let body = try await self.bytes(of: request)
        let (fields, bytes, size) = try await work(encoding == .identity ? body.count : .max, context) { budget in
            let bytes = try encoding.decode(body, budget)
            let size = bytes.count
            return (try MultipartReader.fields(bytes.take(), boundary: boundary, budget), bytes, size)
        }
        let user = fields.first { $0.name == "user" && $0.content.count <= Self.userBytes }?.text
        context.life?.note(user: user.flatMap { $0.isEmpty ? nil : $0 }, inputBytes: size)
        return (MediaRequest(endpoint: endpoint, body: .form(fields), accept: accept), bytes)
    }
}

extension APIError {
    fileprivate static func notMedia(_ endpoint: MediaRequest.Endpoint) -> APIError {
        if !endpoint.takesForm { return .notJSON }
        let types = endpoint.takesJSON ? "application/json or multipart/form-data" : "multipart/form-data"
        return APIError(status: 415, message: "The request's Content-Type must be \(types).")
    }
}
