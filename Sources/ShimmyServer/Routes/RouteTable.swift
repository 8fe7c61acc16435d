import HTTPTypes
import Hummingbird
import ShimmyCore

/// One route: where it is and what answers it.
struct Route: Sendable {
    /// Of `/v1` routes the path without it, such as `/chat/completions`; they are served with and without the prefix.
    /// `{model}` at the end takes everything that follows, slashes included; another name in braces takes one part of the path.
    let path: String
    let method: HTTPRequest.Method
    /// Whether the compatibility matrix has it, mostly as OpenAI's (below `/v1`), or it is Shimmy's own.
    let isOpenAI: Bool
    let handler: @Sendable (Request, ShimmyRequestContext) async throws -> Response
}

/// All routes of the server: for the router, for the errors that name them and for the test that holds them against the matrix.
package struct RouteTable: Sendable {
    let routes: [Route]

    /// The methods that a path takes, for 405 and preflight answers.
    package func methods(forPath path: String) -> [String] {
        var methods: [String] = []
        let matching = routes.filter { Self.matches($0, path) }
        // A path that is written out is not taken for somebody's id.
        let exact = matching.filter { !$0.path.contains("{") }
        for route in exact.isEmpty ? matching : exact where !methods.contains(route.method.rawValue) {
            methods.append(route.method.rawValue)
            if route.method == .get { methods.append("HEAD") }
        }
        return methods
    }

    /// The route whose path is most like one that does not exist; nil when none is.
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

    /// Endpoints of the matrix that exist, as `METHOD /path`.
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
