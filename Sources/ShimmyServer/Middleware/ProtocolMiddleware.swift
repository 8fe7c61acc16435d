import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Answers requests about HTTP itself: an upgrade to WebSocket on a route that opens none, and `OPTIONS` requests that are not a browser's
/// preflight.
struct ProtocolMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        if WebSocketHandshake.isUpgrade(request.headers), !routes.opensSocket(request.method, request.uri.path) { throw APIError.noWebSockets }
        guard request.method == .options, request.headers[.accessControlRequestMethod] == nil else { return try await next(request, context) }
        let methods = request.head.path == "*" ? ["GET", "HEAD", "POST", "DELETE"] : routes.methods(forPath: request.uri.path)
        if methods.isEmpty { return try await next(request, context) }
        return Response(status: .noContent, headers: [.allow: (methods + ["OPTIONS"]).joined(separator: ", ")])
    }
}
