import AsyncHTTPClient
import NIOCore
import NIOPosix
import ShimmyHTTP
import Synchronization

/// The HTTP client of all upstreams. It keeps connections open between requests.
///
/// An HTTP client has one limit for the time to connect, so there is one for each limit in the settings.
package final class UpstreamClient: Sendable {
    private struct State {
        var clients: [Int: HTTPClient] = [:]
        var isOver = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Returns the client for a limit of the time to connect. Throws after the shutdown.
    func http(connectSeconds: Double) throws -> HTTPClient {
        let milliseconds = Int(max(0.1, min(connectSeconds.isNaN ? 5 : connectSeconds, 600)) * 1000)
        let client = state.withLock { state -> HTTPClient? in
            if state.isOver { return nil }
            if let client = state.clients[milliseconds] { return client }
            let client = Self.make(connectMilliseconds: milliseconds)
            state.clients[milliseconds] = client
            return client
        }
        guard let client else { throw CancellationError() }
        return client
    }

    /// Closes all connections. Requests that are running fail.
    package func shutdown() async {
        let clients = state.withLock { state -> [HTTPClient] in
            state.isOver = true
            defer { state.clients = [:] }
            return Array(state.clients.values)
        }
        for client in clients { try? await client.shutdown() }
    }

    private static func make(connectMilliseconds: Int) -> HTTPClient {
        var configuration = HTTPClient.Configuration.guarded()
        configuration.timeout = .init(connect: .milliseconds(Int64(connectMilliseconds)))
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = UpstreamLimits.connections
        // Another replica is tried instead.
        configuration.connectionPool.retryConnectionEstablishment = false
        // The headers of the trace come with the request.
        configuration.tracing.tracer = nil
        return HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }
}
