// Serves HTTP: routes, limits, security, streams. Knows the API layer's types; knows nothing of tokens or of llama.cpp.

package import ShimmyAPI
package import ShimmyCore
package import ShimmyModels

/// How the server listens and whom it answers.
package struct ServerConfiguration: Sendable {
    package var host: String
    /// Addresses that are listened to as well, with the same port, where that is possible.
    package var otherHosts: [String] = []
    /// 0 lets the system choose.
    package var port: Int
    package let access: ServerAccess
    /// What streams are told of the server's life when there is nothing else to say.
    package var heartbeat: Duration = .seconds(15)
    /// How long a stream's status waits for a model that is being loaded; then the stream begins, and tells how far the load is.
    package var loadSilence: Duration = .seconds(2)
    package var limits = ServerLimits()
    /// What is preset for requests to a model; asked for each one, so that it may change.
    package var presets: @Sendable (ModelRecord) -> RequestPreset = { _ in .none }

    package init(host: String = "127.0.0.1", port: Int = 11435, access: ServerAccess.Rules = .init()) {
        self.host = host
        self.port = port
        self.access = ServerAccess(access)
    }

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { HostName.isLoopback(host) }
}

/// A key that opens the server. Clients with different keys share the models in proportion to their keys' weights.
package struct APIKey: Sendable, Equatable {
    package let key: String
    package let weight: Double

    package init(_ key: String, weight: Double = 1) {
        self.key = key
        self.weight = weight
    }
}

/// Bounds on everything that a client can make grow. docs/limits.md lists them.
package struct ServerLimits: Sendable {
    /// All header fields together, in bytes.
    package var headerBytes = 64 << 10
    package var headerFields = 200
    /// What one request may contain.
    package var input = InputLimits.standard
    /// For a head, from then on for a body; also how long a connection may stay open between requests.
    package var requestTime: Duration = .seconds(60)
    /// How long a client may read nothing of what is to be written to it.
    package var writeTime: Duration = .seconds(60)
    /// Connections that are open at one time.
    package var connections = 10_000
    /// Those of one client that is not this machine.
    package var clientConnections = 1_000
    /// Requests whose response is not complete.
    package var requests = 4_096
    /// Bytes of all bodies that are being read, parsed and decoded.
    package var bodyMemory = 256 << 20
    /// Gives freed memory back to the system. Called on a worker thread after many connections closed.
    package var returnFreedMemory: @Sendable () -> Void = {}

    package init() {}
}
