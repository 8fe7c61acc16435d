import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Lets web pages of this machine, and of origins that were named, use the server. Other pages neither read its answers nor cause effects:
/// a browser sends some requests without asking, and hides only their answers.
struct LoopbackCORSMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        guard let origin = request.headers[.origin] else {
            if Self.hasEffect(request.method), request.headers[.secFetchSite] == "cross-site" { throw APIError.originNotAllowed(nil) }
            return try await next(request, context)
        }
        let allowed = access.rules.allowedOrigins.contains(origin) || HostName.ofOrigin(origin).map(HostName.isLoopback) == true
        if !allowed, Self.hasEffect(request.method) { throw APIError.originNotAllowed(origin) }
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

    private static func hasEffect(_ method: HTTPRequest.Method) -> Bool { method != .get && method != .head && method != .options }

    /// Bytes of header names that are repeated to a browser.
    private static let longestNames = 4096

    private func preflight(_ request: Request, allowed: Bool) -> Response {
        var response = Response(status: .noContent)
        guard allowed else { return response }
        let methods = routes.methods(forPath: request.uri.path)
        response.headers[.accessControlAllowMethods] = (methods.isEmpty ? ["GET", "POST"] : methods).joined(separator: ", ")
        // A list of our own could never name every x-stainless-* header of every client; "*" would not cover authorization.
        let names = request.headers[.accessControlRequestHeaders].flatMap { $0.utf8.count <= Self.longestNames ? $0 : nil }
        response.headers[.accessControlAllowHeaders] = names ?? "authorization, content-type"
        // Asked by pages of the internet that were allowed: browsers protect this machine from them twice.
        if request.headers[.privateNetworkRequest] == "true" { response.headers[.privateNetworkAllow] = "true" }
        response.headers[.accessControlMaxAge] = "600"
        return response
    }
}
