import Hummingbird
import ShimmyEngine

/// Finds the client behind a trusted reverse proxy. Its address then counts as the address of the request.
struct ClientMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let proxies: TrustedProxies

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        guard let client = proxies.client(ofPeer: context.address, request.headers) else { return try await next(request, context) }
        var context = context
        context.address = "\(client)"
        context.owner = Owner("\(client)")
        return try await next(request, context)
    }
}
