package import ShimmyCore

/// Limits on everything that a client can make grow. docs/limits.md lists them.
package struct ServerLimits: Sendable {
    /// The max size of all header fields together, in bytes.
    package var headerBytes = 64 << 10
    package var headerFields = 200
    /// The max bytes that a client may send behind the handshake of a WebSocket before it has the answer, beside the header fields.
    package var earlyBytes = 256 << 10
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
    /// The max number of requests at a time on one HTTP/2 connection.
    package var connectionStreams = 100
    /// The max number of wrong keys from one address in a minute. Addresses of this machine are exempt.
    package var wrongKeys = 10
    /// The max bytes of all bodies that are being read, parsed and decoded.
    package var bodyMemory = 256 << 20
    /// The max number of responses that one WebSocket makes at a time.
    package var socketResponses = 8
    /// The max number of requests of one WebSocket that wait for earlier ones.
    package var socketWaiting = 32
    /// The max bytes of the requests of one WebSocket that wait for earlier ones. A request may wait alone, whatever its size.
    package var socketWaitingBytes = 32 << 20
    /// The max bytes of the requests of all WebSockets that wait: half of `bodyMemory`, so that other requests can be read meanwhile.
    package var waitingMemory: Int { bodyMemory / 2 }
    /// How long a WebSocket may be open without a request and without a running response.
    package var socketIdleTime: Duration = .seconds(3600)
    /// The max number of responses that one WebSocket remembers, and the max bytes of their items.
    package var socketMemoryResponses = 8
    package var socketMemoryBytes = 64 << 20
    /// The max bytes of the items that all WebSockets remember, or will remember when a running response ends.
    package var historyMemory = 512 << 20
    /// The max number of open files of the process, for metrics; nil if it is unknown.
    package var openFiles: Int?
    /// Returns freed memory to the system. The server calls it on a worker thread after many connections closed.
    package var returnFreedMemory: @Sendable () -> Void = {}

    package init() {}
}
