import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ShimmyAPI
import ShimmyCore

/// Adds `x-request-id` to every response, `request-id` to those of Anthropic's API, and the same id to the log. The id is the client's own or a
/// new one. Official clients show it in their errors. As the outermost middleware, it also removes the body of every response to `HEAD`, errors
/// included: a client does not expect one, and would read it as the beginning of the next response.
struct RequestIDMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable

    @concurrent func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let id = request.headers[.requestID].flatMap(Self.sane) ?? "req_" + RandomID.make()
        var context = context
        context.logger[metadataKey: "hb.request.id"] = nil
        context.logger[metadataKey: "request"] = "\(id)"
        context.requestID = id
        context.hops = HopTrail(header: request.headers[.hops])
        let known = context
        var response = try await HopTrail.with(known.hops) { try await next(request, known) }
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[.requestID] = id
        if routes.api(of: request.head) == .anthropic { response.headers[.anthropicRequestID] = id }
        return response
    }

    private static let longest = 128

    /// Returns the client's own id if it is visible ASCII and short; otherwise nil.
    private static func sane(_ id: String) -> String? {
        (1...longest).contains(id.utf8.count) && id.utf8.allSatisfy { (33...126).contains($0) } ? id : nil
    }
}
