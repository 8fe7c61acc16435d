import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Lets web pages of this machine, and of origins that were named, read our answers. Never everybody's.
struct LoopbackCORSMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        guard let origin = request.headers[.origin] else { return try await next(request, context) }
        let allowed = access.rules.allowedOrigins.contains(origin) || HostName.ofOrigin(origin).map(HostName.isLoopback) == true
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        var response = isPreflight ? preflight(request, allowed: allowed) : try await next(request, context)
        response.headers[.vary] = "Origin"
        if allowed {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.accessControlExposeHeaders] =
                "x-request-id, x-shimmy-ignored-params, x-shimmy-forced-params, x-shimmy-dropped-items, x-shimmy-not-stored, retry-after"
        }
        return response
    }

    private func preflight(_ request: Request, allowed: Bool) -> Response {
        var response = Response(status: .noContent)
        guard allowed else { return response }
        let methods = routes.methods(forPath: request.uri.path)
        response.headers[.accessControlAllowMethods] = (methods.isEmpty ? ["GET", "POST"] : methods).joined(separator: ", ")
        // A list of our own could never name every x-stainless-* header of every client; "*" would not cover authorization.
        response.headers[.accessControlAllowHeaders] = request.headers[.accessControlRequestHeaders] ?? "authorization, content-type"
        response.headers[.accessControlMaxAge] = "600"
        return response
    }
}
