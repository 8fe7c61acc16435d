// This module serves HTTP: routes, limits, security and streams. The service does the work.

package import ShimmyAccounts
import ShimmyCore
package import ShimmyMetrics
package import ShimmyService
package import ShimmyTracing
package import ShimmyUpstreams

/// The addresses that the server listens on, its access rules and its limits.
package struct ServerConfiguration: Sendable {
    package var host: String
    /// Additional addresses to listen on. The server does not start without those that the user asked for.
    package var others: [ListenAddress] = []
    /// The port to listen on; 0 lets the system choose.
    package var port: Int
    /// The second port to listen on, for clients with Ollama's default address; nil for none. The server runs without a port that it cannot bind.
    package var ollamaPort: Int?
    /// The path of a Unix socket to listen on; nil for none.
    package var socket: String?
    /// Whether the server listens on the socket only, and on no port.
    package var isSocketOnly = false
    /// The sockets that the process was started with. If there are any, the server listens on them alone, and on no other address.
    package var inherited: [InheritedSocket] = []
    /// The certificate and key for all ports; nil for connections without encryption. The Unix socket has no encryption.
    package var identity: TLSIdentity?
    package var proxies = TrustedProxies()
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
    /// The limits of keys, and the record of usage: the same as the service's.
    package var accounts = Accounts()
    /// Returns the use of the directory of cached prefixes; nil if there is none.
    package var prefixes: (@Sendable () -> PrefixCacheUse)?
    /// The upstream servers; nil for none.
    package var fleet: UpstreamFleet?
    /// The maker of traces; nil if traces are off.
    package var tracer: RequestTracer?
    /// The last requests.
    package var history = RequestHistory()
    /// Whether requests name their owner in `OwnerHeader`: only in a process that serves a single model for another server.
    package var takesOwners = false
    /// Whether browsers get the page.
    package var hasPage = true

    /// - book: the keys that administrators created; nil for none.
    package init(host: String = "127.0.0.1", port: Int = 11435, access: ServerAccess.Rules = .init(), book: KeyBook? = nil) {
        self.host = host
        self.port = port
        self.access = ServerAccess(access, book: book)
    }

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { exposedHost == nil }

    /// The first address that other machines can reach; nil if there is none.
    package var exposedHost: String? {
        let own = isSocketOnly ? [] : [host] + others.map(\.host)
        return (inherited.isEmpty ? own : inherited.compactMap(\.host)).first { !HostName.isLoopback($0) }
    }
}
