import HTTPTypes
import Hummingbird
import ShimmyAPI

/// A route of the server, with the properties that middlewares and the test of the compatibility matrix read.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, ShimmyRequestContext) async throws -> Response

    /// Who may use a route.
    enum Access: Sendable {
        /// Everybody, without a key and a Host header, and under any load, as load balancers need it.
        case probe
        /// Everybody, without a key.
        case open
        /// The holders of keys, if the server has any.
        case user
        /// The holders of keys with the role `admin`, and other holders if a setting lets them download models.
        case puller
        /// The holders of keys with the role `admin`, if the server has keys.
        case admin

        var needsKey: Bool {
            switch self {
            case .probe, .open: false
            case .user, .puller, .admin: true
            }
        }
    }

    /// The effect of a request on the server.
    enum Effect: Sendable {
        /// Nothing.
        case read
        /// It computes or stores something.
        case write
        /// It loads a model, which may free others.
        case load
        /// The request opens a WebSocket, over which clients send further requests. A browser sends such a `GET` without a preflight, but always
        /// with its `Origin`.
        case socket
    }

    /// Where a route is served.
    enum Prefixes: Sendable {
        /// At its path alone.
        case none
        /// At its path, and below `/v1`.
        case v1

        var texts: [String] {
            switch self {
            case .none: [""]
            case .v1: ["", "/v1"]
            }
        }
    }

    let method: HTTPRequest.Method
    /// The path without a prefix. `{model}` or `{file}` at the end matches the rest of the path, including slashes; another name in braces matches
    /// one path component.
    let path: String
    let prefixes: Prefixes
    let access: Access
    let effect: Effect
    /// The API that the route belongs to. Shimmy's own routes have OpenAI's form of errors.
    let api: API
    /// Whether the API's compatibility matrix has a row for the route. The other routes are Shimmy's own.
    let isInMatrix: Bool
    /// Whether the body is a file that goes to the disk as it arrives. It may be larger than other bodies, and take longer.
    let isUpload: Bool
    let handler: Handler

    /// The names at the end of a path that match the rest of it.
    private static let tails = ["{model}", "{file}"]

    /// The name that matches the rest of the path; nil if the path has none.
    private var tail: String? { Self.tails.first { path.hasSuffix($0) } }

    /// The part of the path before a name that matches the rest; nil if the path has none.
    var tree: String? { tail.map { String(path.dropLast($0.count)) } }

    /// Returns whether the route serves a path.
    func matches(_ path: String) -> Bool {
        var components = path.split(separator: "/")[...]
        if case .v1 = prefixes, components.first == "v1" { components = components.dropFirst() }
        var pattern = self.path.split(separator: "/")[...]
        if tail != nil {
            pattern = pattern.dropLast()
            return components.count > pattern.count && components.prefix(pattern.count).elementsEqual(pattern)
        }
        return components.elementsEqual(pattern) { $0 == $1 || $1.hasPrefix("{") }
    }

    /// Registers the route on a router, at all of its paths. The check of the key's role is part of each route, so that no way to write a path avoids
    /// it.
    func register(on router: Router<ShimmyRequestContext>) {
        let path = tree.map { $0 + "**" } ?? self.path
        for prefix in prefixes.texts {
            router.on(RouterPath(prefix + path), method: method) { [access, handler] request, context -> Response in
                try context.check(access)
                return try await context.withModels { try await handler(request, context) }
            }
        }
    }
}

extension Route {
    /// Makes a route of an API that the compatibility matrix describes.
    init(
        _ method: HTTPRequest.Method, _ path: String, _ effect: Effect, api: API = .openAI, access: Access = .user, isUpload: Bool = false,
        handler: @escaping Handler
    ) {
        self.init(
            method: method, path: path, prefixes: api.prefix.isEmpty ? .none : .v1, access: access, effect: effect, api: api, isInMatrix: true,
            isUpload: isUpload, handler: handler)
    }

    /// Makes a route that the compatibility matrix does not describe.
    init(
        own method: HTTPRequest.Method, _ path: String, _ effect: Effect, prefixes: Prefixes = .v1, access: Access = .user,
        handler: @escaping Handler
    ) {
        self.init(
            method: method, path: path, prefixes: prefixes, access: access, effect: effect, api: .openAI, isInMatrix: false,
            isUpload: false, handler: handler)
    }
}
