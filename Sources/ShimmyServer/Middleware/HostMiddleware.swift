import HTTPTypes
import Hummingbird
import ShimmyAPI

/// Refuses requests that were sent to a host name that is not the server's. This stops DNS rebinding: a web page whose name was rebound to
/// this machine sends its own name as Host.
struct HostMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let configuration: ServerConfiguration
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        guard let authority = request.head.authority else {
            // Load balancers probe the server's health before they know its name.
            if routes.isProbe(request.uri.path) { return try await next(request, context) }
            throw APIError.missingHost
        }
        // `ConnectionLife` joins several Host headers with commas.
        if authority.contains(",") { throw APIError.severalHosts }
        guard let host = HostName.withoutPort(authority), isOurs(host) else { throw APIError.hostNotAllowed(authority) }
        return try await next(request, context)
    }

    private func isOurs(_ host: String) -> Bool {
        let name = host.lowercased()
        return HostName.isLoopback(name) || HostName.isAddress(name) || name == configuration.host.lowercased()
            || configuration.others.contains { $0.host.lowercased() == name } || configuration.access.rules.allowedHosts.contains(name)
    }
}
