import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Answers requests about HTTP itself: too many header fields, a transfer encoding other than `chunked`, an upgrade to WebSocket on a route that
/// opens none, and `OPTIONS` requests that are not a browser's preflight.
struct ProtocolMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable
    /// The max number of header fields. The parser of HTTP/1.1 has the same limit, that of HTTP/2 none.
    let headerFields: Int

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        // HTTP/2 clients may split cookies into many fields.
        if request.headers.count(where: { $0.name != .cookie }) > headerFields { throw APIError.headTooLarge }
        if let coding = request.headers[.transferEncoding], coding.trimmingSpaces.lowercased() != "chunked" {
            throw APIError.unsupportedTransferEncoding
        }
        if WebSocketHandshake.isUpgrade(request.headers), !routes.opensSocket(request.method, request.uri.path) { throw APIError.noWebSockets }
        guard request.method == .options, request.headers[.accessControlRequestMethod] == nil else { return try await next(request, context) }
        let methods = request.head.path == "*" ? ["GET", "HEAD", "POST", "DELETE"] : routes.methods(forPath: request.uri.path)
        if methods.isEmpty { return try await next(request, context) }
        return Response(status: .noContent, headers: [.allow: (methods + ["OPTIONS"]).joined(separator: ", ")])
    }
}
