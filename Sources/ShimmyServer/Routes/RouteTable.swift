import HTTPTypes
import Hummingbird
package import ShimmyAPI
import ShimmyCore

/// All routes of the server: for the router, for middlewares, for errors that name routes, and for the test that compares them with the
/// compatibility matrix.
package struct RouteTable: Sendable {
    let routes: [Route]
    /// The paths that need no API key.
    private let openPaths: Set<String>
    /// The paths below which no request needs an API key.
    private let openTrees: [String]
    /// The paths of probes.
    private let probePaths: Set<String>
    /// The first route of each path without an id, because every request asks for its API.
    private let literalRoutes: [String: Route]
    /// The routes for files, kept apart because every request is compared with them.
    private let uploads: [Route]

    init(routes: [Route]) {
        func paths(_ access: [Route.Access]) -> Set<String> {
            Set(routes.filter { access.contains($0.access) }.flatMap { route in route.prefixes.texts.map { $0 + route.path } })
        }
        self.routes = routes
        uploads = routes.filter(\.isUpload)
        openPaths = paths([.open, .probe])
        openTrees = routes.filter { $0.access == .open }.compactMap(\.tree)
        probePaths = paths([.probe])
        let literal = routes.filter { !$0.path.contains("{") }
        literalRoutes = Dictionary(
            literal.flatMap { route in route.prefixes.texts.map { ($0 + route.path, route) } }, uniquingKeysWith: { first, _ in first })
    }

    func isOpen(_ path: String) -> Bool { openPaths.contains(path) || openTrees.contains { path.hasPrefix($0) } }
    func isProbe(_ path: String) -> Bool { probePaths.contains(path) }

    /// Returns whether the body of a request is a file.
    /// - target: the path with the query.
    func isUpload(_ method: String, _ target: Substring) -> Bool {
        let path = String(target.prefix { $0 != "?" })
        return uploads.contains { $0.method.rawValue == method && $0.matches(path) }
    }

    /// Returns whether a request may change anything. A request that no route serves may if its method is not a reading one.
    func hasEffect(_ method: HTTPRequest.Method, _ path: String) -> Bool {
        if method == .head || method == .options { return false }
        let route = serving(path).first { $0.method == method }
        return route.map { $0.effect != .read } ?? (method != .get)
    }

    /// Returns whether a request may become a WebSocket.
    func opensSocket(_ method: HTTPRequest.Method, _ path: String) -> Bool {
        serving(path).contains { $0.method == method && $0.effect == .socket }
    }

    /// Returns the methods that a path supports, for 405 and preflight answers.
    package func methods(forPath path: String) -> [String] {
        var methods: [String] = []
        for route in serving(path) where !methods.contains(route.method.rawValue) {
            methods.append(route.method.rawValue)
            if route.method == .get { methods.append("HEAD") }
        }
        return methods
    }

    /// Returns the routes that serve a path with some method. A literal path takes precedence over a path with an id.
    private func serving(_ path: String) -> [Route] {
        let matching = routes.filter { $0.matches(path) }
        let exact = matching.filter { !$0.path.contains("{") }
        return exact.isEmpty ? matching : exact
    }

    /// Returns the route whose path is most similar to an unknown one; nil if none is similar enough.
    package func nearest(to path: String) -> String? {
        guard path.utf8.count <= 200 else { return nil }
        let wanted = path.hasPrefix("/v1/") ? String(path.dropFirst(3)) : path
        let rated = routes.map { (route: $0, distance: edits(from: wanted.lowercased().utf8, to: $0.path.utf8)) }
        guard let best = rated.min(by: { $0.distance < $1.distance }), best.distance <= max(2, wanted.count / 3) else { return nil }
        return "\(best.route.method.rawValue) \(best.route.isInMatrix ? best.route.api.prefix : "")\(best.route.path)"
    }

    /// Returns the endpoints of an API's compatibility matrix that exist, as `METHOD /path`.
    package func endpointsOfMatrix(_ api: API) -> Set<String> {
        let own = routes.filter { $0.isInMatrix && ($0.api == api || api == .anthropic && Self.isShared($0)) }
        return Set(own.map { "\($0.method.rawValue) \($0.path)" })
    }

    /// Returns whether a route belongs to OpenAI's and to Anthropic's API.
    static func isShared(_ route: Route) -> Bool { route.isInMatrix && route.api == .openAI && route.path.hasPrefix("/models") }

    /// Returns the API whose form of errors a request gets: that of its route. OpenAI's and Anthropic's APIs share the paths of models, and
    /// Anthropic's clients send a header of their own.
    func api(of request: HTTPRequest) -> API {
        let path = request.path.map { String($0.prefix { $0 != "?" }) } ?? ""
        let isAnthropics = request.headerFields[.anthropicVersion] != nil
        guard let route = literalRoutes[path] ?? serving(path).first else {
            return path.hasPrefix("/api/") ? .ollama : isAnthropics ? .anthropic : .openAI
        }
        return isAnthropics && Self.isShared(route) ? .anthropic : route.api
    }

    /// The routes with an effect for which a browser needs no preflight, as `METHOD /path`. There must be none.
    package var readingMethodsWithEffect: [String] {
        routes.filter { $0.method == .get && $0.effect != .read && $0.effect != .socket }.map { "\($0.method.rawValue) \($0.path)" }
    }

    func register(on router: Router<ShimmyRequestContext>) {
        for route in routes { route.register(on: router) }
    }
}
