import Hummingbird
import ShimmyEngine

/// Finds the client behind a trusted reverse proxy. Its address and scheme then count as those of the request.
struct ClientMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let proxies: TrustedProxies

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        var context = context
        context.scheme = proxies.scheme(ofPeer: context.address, request.headers)
        guard let client = proxies.client(ofPeer: context.address, request.headers) else { return try await next(request, context) }
        context.address = "\(client)"
        context.owner = Owner("\(client)")
        return try await next(request, context)
    }
}
