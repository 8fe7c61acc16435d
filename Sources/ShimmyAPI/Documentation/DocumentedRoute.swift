/// A route of the server as the OpenAPI document describes it.
package struct DocumentedRoute: Sendable {
    package let method: String
    /// The path, with placeholders in braces.
    package let path: String
    /// Other paths at which the server serves the same route.
    package let otherPaths: [String]
    /// The APIs whose forms the responses have; two for a path that two APIs share.
    let apis: [API]
    /// The rows of the endpoint in the tables of `apis`; empty for an endpoint of the server's own that has none.
    let rows: [EndpointRow]
    /// Whether the endpoint is the server's own.
    let isOwn: Bool
    /// Whether the route needs a key if the server has any.
    package let needsKey: Bool
    /// Whether the key needs the role `admin`. A setting can allow the route to other keys.
    package let needsAdmin: Bool
    /// Whether the route answers 503 with its usual body during a shutdown.
    let isProbe: Bool
    /// Whether the route opens a WebSocket.
    let isSocket: Bool

    /// - name: the path as in the tables.
    /// - apis: the APIs that the route belongs to.
    package init(
        method: String, name: String, path: String, otherPaths: [String], apis: [API], isOwn: Bool, needsKey: Bool,
        needsAdmin: Bool = false, isProbe: Bool, isSocket: Bool
    ) {
        self.method = method
        self.path = path
        self.otherPaths = otherPaths
        self.apis = apis
        self.isOwn = isOwn
        self.needsKey = needsKey
        self.needsAdmin = needsAdmin
        self.isProbe = isProbe
        self.isSocket = isSocket
        let tables = isOwn ? [OwnRows.endpoints] : apis.map(\.endpoints)
        rows = tables.compactMap { $0.first { $0.method == method && $0.path == name } }
    }

    /// Whether a table describes the route.
    package var isDescribed: Bool { !rows.isEmpty }

    /// The endpoints of the server's own in the table, as `METHOD /path`.
    package static var ownEndpoints: [String] { OwnRows.endpoints.map { "\($0.method) \($0.path)" } }
}
