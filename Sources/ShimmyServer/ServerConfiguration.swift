// This module serves HTTP: routes, limits, security and streams. The service does the work.

import ShimmyCore
package import ShimmyMetrics

/// The addresses that the server listens on, its access rules and its limits.
package struct ServerConfiguration: Sendable {
    package var host: String
    /// Additional addresses to listen on, with the same port. The server skips an address that it cannot bind.
    package var otherHosts: [String] = []
    /// The port to listen on; 0 lets the system choose.
    package var port: Int
    /// The second port to listen on, for clients with Ollama's default address; nil for none. The server runs without a port that it cannot bind.
    package var ollamaPort: Int?
    package let access: ServerAccess
    /// The version of this program.
    package var version = ""
    /// The interval between pings on an idle stream.
    package var heartbeat: Duration = .seconds(15)
    /// How long a stream request waits for a model to load before the stream starts with load-progress comments.
    package var loadSilence: Duration = .seconds(2)
    package var limits = ServerLimits()
    package let metrics = MetricsRegistry(ServerMetrics.all)
    /// Whether `GET /metrics` also has the names of other servers.
    package var hasMetricsAliases = false

    package init(host: String = "127.0.0.1", port: Int = 11435, access: ServerAccess.Rules = .init()) {
        self.host = host
        self.port = port
        self.access = ServerAccess(access)
    }

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { HostName.isLoopback(host) }
}
