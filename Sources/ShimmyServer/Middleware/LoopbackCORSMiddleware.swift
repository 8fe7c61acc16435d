import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Allows web pages of this machine and of configured origins to use the server. Other pages can neither read answers nor cause effects.
/// The check is needed because a browser sends some requests without a preflight and only hides their answers.
struct LoopbackCORSMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        guard let origin = request.headers[.origin] else {
            if request.headers[.secFetchSite] == "cross-site", hasEffect(request) { throw APIError.originNotAllowed(nil) }
            return try await next(request, context)
        }
        let isKnown = access.rules.allowedOrigins.contains(origin) || HostName.ofOrigin(origin).map(HostName.isLoopback) == true
        let allowed = isKnown || isOwn(origin, request)
        if !allowed, hasEffect(request) { throw APIError.originNotAllowed(origin) }
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        var response = isPreflight ? preflight(request, allowed: allowed) : try await next(request, context)
        response.headers[.vary] = [response.headers[.vary], "Origin"].compactMap { $0 }.joined(separator: ", ")
        if allowed {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.accessControlExposeHeaders] = Self.exposedHeaders
        }
        return response
    }

    /// Returns whether an origin is that of the server's own page. `HostMiddleware` has checked that the host of the request is the server's.
    private func isOwn(_ origin: String, _ request: Request) -> Bool {
        guard let authority = request.head.authority, let start = origin.firstRange(of: "://") else { return false }
        return origin[start.upperBound...].lowercased() == authority.lowercased()
    }

    private static let exposedHeaders = ([.requestID, .anthropicRequestID, .retryAfterName] + HTTPField.Name.reports + HTTPField.Name.rateLimits)
        .map(\.rawName).joined(separator: ", ")

    private func hasEffect(_ request: Request) -> Bool { routes.hasEffect(request.method, request.uri.path) }

    /// The max bytes of requested header names that a preflight answer repeats.
    private static let longestNames = 4096

    private func preflight(_ request: Request, allowed: Bool) -> Response {
        var response = Response(status: .noContent)
        guard allowed else { return response }
        let methods = routes.methods(forPath: request.uri.path)
        response.headers[.accessControlAllowMethods] = (methods.isEmpty ? ["GET", "POST"] : methods).joined(separator: ", ")
        // A fixed list could not name every x-stainless-* header of every client, and "*" would not cover authorization.
        let names = request.headers[.accessControlRequestHeaders].flatMap { $0.utf8.count <= Self.longestNames ? $0 : nil }
        response.headers[.accessControlAllowHeaders] = names ?? "authorization, content-type"
        // Browsers send this header for allowed pages of the internet, because they additionally protect the private network from them.
        if request.headers[.privateNetworkRequest] == "true" { response.headers[.privateNetworkAllow] = "true" }
        response.headers[.accessControlMaxAge] = "600"
        return response
    }
}
