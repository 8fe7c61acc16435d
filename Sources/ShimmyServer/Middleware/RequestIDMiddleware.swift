import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ShimmyAPI

/// Gives every response an `x-request-id`, which official clients show in their errors, and the log the same id: the client's own, or
/// a new one.
struct RequestIDMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let id = request.headers[.requestID].flatMap(Self.sane) ?? "req_" + RandomID.make()
        var context = context
        context.logger[metadataKey: "hb.request.id"] = nil
        context.logger[metadataKey: "request"] = "\(id)"
        var response = try await next(request, context)
        response.headers[.requestID] = id
        return response
    }

    private static let longest = 128

    /// A client's own id, if it is visible ASCII and short.
    private static func sane(_ id: String) -> String? {
        (1...longest).contains(id.utf8.count) && id.utf8.allSatisfy { (33...126).contains($0) } ? id : nil
    }
}
