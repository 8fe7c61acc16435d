import HTTPTypes
import Hummingbird
import ShimmyCore

/// A route: its path, method and handler.
struct Route: Sendable {
    /// The path; for `/v1` routes without that prefix, such as `/chat/completions`. These routes are served with and without the prefix.
    /// `{model}` at the end matches the rest of the path, including slashes; another name in braces matches one path component.
    let path: String
    let method: HTTPRequest.Method
    /// Whether the compatibility matrix contains the route, in most cases as OpenAI's (below `/v1`). The other routes are Shimmy's own.
    let isOpenAI: Bool
    let handler: @Sendable (Request, ShimmyRequestContext) async throws -> Response
}

/// All routes of the server: for the router, for errors that list them, and for the test that compares them with the compatibility matrix.
package struct RouteTable: Sendable {
    let routes: [Route]

    /// Returns the methods that a path supports, for 405 and preflight answers.
    package func methods(forPath path: String) -> [String] {
        var methods: [String] = []
        let matching = routes.filter { Self.matches($0, path) }
        // A literal path takes precedence over a path with an id.
        let exact = matching.filter { !$0.path.contains("{") }
        for route in exact.isEmpty ? matching : exact where !methods.contains(route.method.rawValue) {
            methods.append(route.method.rawValue)
            if route.method == .get { methods.append("HEAD") }
        }
        return methods
    }

    /// Returns the route whose path is most similar to an unknown one; nil if none is similar enough.
    package func nearest(to path: String) -> String? {
        guard path.utf8.count <= 200 else { return nil }
        let wanted = path.hasPrefix("/v1/") ? String(path.dropFirst(3)) : path
        let rated = routes.map { route in
            let known = route.path.hasPrefix("/v1/") ? String(route.path.dropFirst(3)) : route.path
            return (route: route, distance: edits(from: wanted.lowercased().utf8, to: known.utf8))
        }
        guard let best = rated.min(by: { $0.distance < $1.distance }), best.distance <= max(2, wanted.count / 3) else { return nil }
        return "\(best.route.method.rawValue) \(best.route.isOpenAI ? "/v1" : "")\(best.route.path)"
    }

    /// The endpoints of the compatibility matrix that exist, as `METHOD /path`.
    package var openAIEndpoints: Set<String> { Set(routes.filter(\.isOpenAI).map { "\($0.method.rawValue) \($0.path)" }) }

    func register(on router: Router<ShimmyRequestContext>) {
        for route in routes {
            let path = route.path.replacingSuffix("{model}", with: "**")
            if route.isOpenAI { router.on(RouterPath("/v1" + path), method: route.method, use: route.handler) }
            router.on(RouterPath(path), method: route.method, use: route.handler)
        }
    }

    private static func matches(_ route: Route, _ path: String) -> Bool {
        var components = path.split(separator: "/")[...]
        if route.isOpenAI, components.first == "v1" { components = components.dropFirst() }
        var pattern = route.path.split(separator: "/")[...]
        if pattern.last == "{model}" {
            pattern = pattern.dropLast()
            return components.count > pattern.count && components.prefix(pattern.count).elementsEqual(pattern)
        }
        return components.elementsEqual(pattern) { $0 == $1 || $1.hasPrefix("{") }
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) + other : self
    }
}
