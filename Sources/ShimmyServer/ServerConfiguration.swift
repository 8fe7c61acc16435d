// This module serves HTTP: routes, limits, security and streams. It uses the API layer's types and does not know about tokens or llama.cpp.

package import ShimmyAPI
package import ShimmyCore
package import ShimmyModels

/// The addresses that the server listens on, its access rules and its limits.
package struct ServerConfiguration: Sendable {
    package var host: String
    /// Additional addresses to listen on, with the same port. The server skips an address that it cannot bind.
    package var otherHosts: [String] = []
    /// The port to listen on; 0 lets the system choose.
    package var port: Int
    package let access: ServerAccess
    /// The interval between pings on an idle stream.
    package var heartbeat: Duration = .seconds(15)
    /// How long a stream request waits for a model to load before the stream starts with load-progress comments.
    package var loadSilence: Duration = .seconds(2)
    package var limits = ServerLimits()
    /// Returns the preset for requests to a model. The server calls it for each request, so that the preset can change.
    package var presets: @Sendable (ModelRecord) -> RequestPreset = { _ in .none }

    package init(host: String = "127.0.0.1", port: Int = 11435, access: ServerAccess.Rules = .init()) {
        self.host = host
        self.port = port
        self.access = ServerAccess(access)
    }

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { HostName.isLoopback(host) }
}

/// A key that the server accepts. Clients with different keys share the models in proportion to their keys' weights.
package struct APIKey: Sendable, Equatable {
    package let key: String
    package let weight: Double

    package init(_ key: String, weight: Double = 1) {
        self.key = key
        self.weight = weight
    }
}

/// Limits on everything that a client can make grow. docs/limits.md lists them.
package struct ServerLimits: Sendable {
    /// The max size of all header fields together, in bytes.
    package var headerBytes = 64 << 10
    package var headerFields = 200
    /// The limits on one request's content.
    package var input = InputLimits.standard
    /// The time limit for a request's head, and then again for its body. It is also the limit for an idle connection between requests.
    package var requestTime: Duration = .seconds(60)
    /// How long a client may read nothing while data waits to be written to it.
    package var writeTime: Duration = .seconds(60)
    /// The max number of open connections.
    package var connections = 10_000
    /// The max number of open connections of one client. Clients on this machine are exempt.
    package var clientConnections = 1_000
    /// The max number of requests whose response is not complete.
    package var requests = 4_096
    /// The max bytes of all bodies that are being read, parsed and decoded.
    package var bodyMemory = 256 << 20
    /// Returns freed memory to the system. The server calls it on a worker thread after many connections closed.
    package var returnFreedMemory: @Sendable () -> Void = {}

    package init() {}
}
