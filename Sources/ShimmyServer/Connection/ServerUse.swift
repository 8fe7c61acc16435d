import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import Synchronization

/// Counts how much of the server's limits clients use: connections, requests in flight, and bytes of bodies in memory.
package final class ServerUse: Sendable {
    /// The usage at a moment.
    package struct Numbers: Sendable, Equatable {
        package var connections = 0
        /// Connections that the server refused since its start because a limit was reached.
        package var refusedConnections = 0
        /// Requests whose response is not complete.
        package var requests = 0
        package var bodyBytes = 0
        /// Bytes of the bodies among them that wait for the end of another request of their WebSocket.
        package var waitingBytes = 0
        /// Bytes of the items that WebSockets remember, or will remember when a running response ends.
        package var historyBytes = 0
    }

    private struct State {
        var numbers = Numbers()
        /// Open connections by client. Clients on this machine are not counted.
        var clients: [String: Int] = [:]
        /// Whether the server takes no new connections any more.
        var isDraining = false
        /// The max number of connections open at once since memory was last returned.
        var peak = 0
    }

    /// The number of connections that must close before memory is returned to the system. Each connection takes about 10 kB.
    private static let closedBeforeReturn = 1_000

    package let limits: ServerLimits
    private let state = Mutex(State())
    let wrongKeys: WrongKeys

    package init(limits: ServerLimits) {
        self.limits = limits
        wrongKeys = WrongKeys(limit: limits.wrongKeys)
    }

    package var numbers: Numbers { state.withLock { $0.numbers } }

    /// The open connections by client address. Clients on this machine are not counted.
    package var connectionsByClient: [String: Int] { state.withLock { $0.clients } }

    package var isDraining: Bool { state.withLock { $0.isDraining } }
    package func beginDraining() { state.withLock { $0.isDraining = true } }

    // MARK: Connections

    /// Returns whether another connection may be opened. Each admitted connection must be released with `closeConnection`.
    /// - address: the client's IP address; nil if it is unknown.
    package func openConnection(from address: String?) -> Bool {
        let client = Self.client(address)
        return state.withLock { state in
            guard state.numbers.connections < limits.connections, client.map({ state.clients[$0, default: 0] < limits.clientConnections }) ?? true
            else {
                state.numbers.refusedConnections += 1
                return false
            }
            state.numbers.connections += 1
            state.peak = max(state.peak, state.numbers.connections)
            if let client { state.clients[client, default: 0] += 1 }
            return true
        }
    }

    package func closeConnection(from address: String?) {
        let client = Self.client(address)
        let hasClosedMany = state.withLock { state in
            state.numbers.connections -= 1
            if let client, let open = state.clients[client] { state.clients[client] = open > 1 ? open - 1 : nil }
            guard state.peak - state.numbers.connections >= Self.closedBeforeReturn else { return false }
            state.peak = state.numbers.connections
            return true
        }
        guard hasClosedMany else { return }
        Task { [limits] in
            // The last connections are freed only after they are counted.
            try? await Task.sleep(for: .seconds(1))
            try? await WorkerPool.files.run { _ in limits.returnFreedMemory() }
        }
    }

    /// Returns the key under which a client's connections are counted; nil for this machine.
    private static func client(_ address: String?) -> String? {
        guard let address, !HostName.isLoopback(address), !address.hasPrefix("::ffff:127.") else { return nil }
        return address
    }

    // MARK: Requests

    func beginRequest() { state.withLock { $0.numbers.requests += 1 } }
    func endRequest() { state.withLock { $0.numbers.requests -= 1 } }

    /// Whether more requests are in flight than the limit allows, including the calling one.
    var hasTooManyRequests: Bool { state.withLock { $0.numbers.requests > limits.requests } }

    // MARK: Bodies

    /// Reserves memory for bytes of bodies. Returns false if the limit does not allow it.
    package func reserve(bodyBytes count: Int) -> Bool {
        state.withLock { state in
            guard count <= limits.bodyMemory - state.numbers.bodyBytes else { return false }
            state.numbers.bodyBytes += count
            return true
        }
    }

    package func release(bodyBytes count: Int) { state.withLock { $0.numbers.bodyBytes -= count } }

    /// Reserves a part of the memory for bodies that may wait. Returns false if the limit does not allow it.
    package func reserve(waitingBytes count: Int) -> Bool {
        state.withLock { state in
            guard count <= limits.waitingMemory - state.numbers.waitingBytes else { return false }
            state.numbers.waitingBytes += count
            return true
        }
    }

    package func release(waitingBytes count: Int) { state.withLock { $0.numbers.waitingBytes -= count } }

    // MARK: Histories

    /// Reserves memory for items that a WebSocket remembers. Returns false if the limit does not allow it.
    func reserve(historyBytes count: Int) -> Bool {
        state.withLock { state in
            guard count <= limits.historyMemory - state.numbers.historyBytes else { return false }
            state.numbers.historyBytes += count
            return true
        }
    }

    func release(historyBytes count: Int) { state.withLock { $0.numbers.historyBytes -= count } }

    /// The usage and limits for `GET /v1/engine`.
    var json: JSON {
        let numbers = numbers
        return [
            "connections": [
                "open": .int(numbers.connections), "limit": .int(limits.connections), "client_limit": .int(limits.clientConnections),
                "refused": .int(numbers.refusedConnections),
            ],
            "requests": ["in_flight": .int(numbers.requests), "limit": .int(limits.requests)],
            "bodies": [
                "bytes": .int(numbers.bodyBytes), "limit": .int(limits.bodyMemory), "waiting": .int(numbers.waitingBytes),
                "waiting_limit": .int(limits.waitingMemory),
            ],
            "histories": ["bytes": .int(numbers.historyBytes), "limit": .int(limits.historyMemory)],
        ]
    }
}

extension APIError {
    /// Returns the error for an exhausted limit of the process.
    static func busy(_ what: String) -> APIError {
        .unavailable("The server is busy: \(what). Try again in 1 s.", code: "server_busy", retryAfter: 1)
    }
}
