import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import Synchronization

/// Counts what clients use of the server's bounds: connections, requests in flight, and bytes of bodies in memory.
package final class ServerUse: Sendable {
    /// How much is used at a moment.
    package struct Numbers: Sendable, Equatable {
        package var connections = 0
        /// Connections that were closed at once since the start, for lack of room.
        package var refusedConnections = 0
        /// Requests whose response is not complete.
        package var requests = 0
        package var bodyBytes = 0
    }

    private struct State {
        var numbers = Numbers()
        /// Open connections of each client that is not this machine.
        var clients: [String: Int] = [:]
        /// The most connections that were open since memory was last given back.
        var peak = 0
    }

    /// Connections that close before their memory is given back to the system; each took some 10 kB.
    private static let closedBeforeReturn = 1_000

    package let limits: ServerLimits
    private let state = Mutex(State())

    package init(limits: ServerLimits) { self.limits = limits }

    package var numbers: Numbers { state.withLock { $0.numbers } }

    // MARK: Connections

    /// Returns whether there is room for another connection. Each one that is let in is given back with `closeConnection`.
    /// - address: the client's IP address; nil where it is unknown.
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
            // The last of them are freed after they are counted.
            try? await Task.sleep(for: .seconds(1))
            try? await WorkerPool.files.run { _ in limits.returnFreedMemory() }
        }
    }

    /// The name under which connections are counted; nil for this machine.
    private static func client(_ address: String?) -> String? {
        guard let address, !HostName.isLoopback(address), !address.hasPrefix("::ffff:127.") else { return nil }
        return address
    }

    // MARK: Requests

    func beginRequest() { state.withLock { $0.numbers.requests += 1 } }
    func endRequest() { state.withLock { $0.numbers.requests -= 1 } }

    /// Whether more requests are in flight than may be; the one that asks is one of them.
    var hasTooManyRequests: Bool { state.withLock { $0.numbers.requests > limits.requests } }

    // MARK: Bodies

    /// Returns whether there is room for more bytes of bodies.
    package func reserve(bodyBytes count: Int) -> Bool {
        state.withLock { state in
            guard count <= limits.bodyMemory - state.numbers.bodyBytes else { return false }
            state.numbers.bodyBytes += count
            return true
        }
    }

    package func release(bodyBytes count: Int) { state.withLock { $0.numbers.bodyBytes -= count } }

    /// For `GET /v1/engine`.
    var json: JSON {
        let numbers = numbers
        return [
            "connections": [
                "open": .int(numbers.connections), "limit": .int(limits.connections), "client_limit": .int(limits.clientConnections),
                "refused": .int(numbers.refusedConnections),
            ],
            "requests": ["in_flight": .int(numbers.requests), "limit": .int(limits.requests)],
            "bodies": ["bytes": .int(numbers.bodyBytes), "limit": .int(limits.bodyMemory)],
        ]
    }
}

extension APIError {
    /// All of a bound of the process is used.
    static func busy(_ what: String) -> APIError {
        .unavailable("The server is busy: \(what). Try again in 1 s.", code: "server_busy", retryAfter: 1)
    }
}
