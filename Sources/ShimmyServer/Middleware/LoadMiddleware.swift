import Hummingbird
import ShimmyAPI

/// Refuses requests while the number of requests in flight exceeds its limit. Health probes are always answered.
struct LoadMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let use: ServerUse
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        if use.hasTooManyRequests, !routes.isProbe(request.uri.path) {
            throw APIError.busy("the limit of \(use.limits.requests) requests in flight is reached")
        }
        return try await next(request, context)
    }
}
