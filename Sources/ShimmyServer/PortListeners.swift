import Hummingbird
import HummingbirdCore
import Logging

/// The listeners at one port: that of the first host, and once it is bound, those of the other addresses.
struct PortListeners: Sendable {
    typealias Listener = Application<ShimmyServer.Responder>
    /// Makes a listener at an address. It calls a function with the bound port once it accepts connections; nil for a Unix socket.
    typealias Maker = @Sendable (_ address: BindAddress, _ onRunning: @escaping @Sendable (Int?) async -> Void) -> Listener

    private let first: Listener
    /// The port that the first listener bound.
    private let bound: AsyncStream<Int>
    private let others: @Sendable (_ port: Int) -> [(address: ListenAddress, listener: Listener)]
    private let needsAll: Bool
    /// Gets an element when another listener accepts connections or has failed.
    private let settled: AsyncStream<Void>.Continuation
    private let logger: Logger

    /// - port: 0 lets the system choose.
    /// - needsAll: whether the server ends if it cannot bind another address that the user asked for.
    /// - onListening: called once with the bound port, when the listeners accept connections.
    init(
        _ host: String, and others: [ListenAddress], port: Int, needsAll: Bool, logger: Logger, maker: @escaping Maker,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        let (bound, told) = AsyncStream.makeStream(of: Int.self)
        self.bound = bound
        let (settlements, settled) = AsyncStream.makeStream(of: Void.self)
        self.settled = settled
        self.needsAll = needsAll
        self.logger = logger
        first = maker(.hostname(host, port: port)) { number in
            told.yield(number ?? port)
            told.finish()
            var unsettled = others.count
            if unsettled > 0 {
                for await _ in settlements {
                    unsettled -= 1
                    if unsettled == 0 { break }
                }
            }
            // Another address cannot be bound, so that the server ends.
            if Task.isCancelled { return }
            await onListening(number ?? port)
        }
        self.others = { port in others.map { ($0, maker(.hostname($0.host, port: $0.port ?? port)) { _ in settled.yield() }) } }
    }

    /// Accepts connections until the server has shut down gracefully. Throws if the first address cannot be bound, and a
    /// `ListenFailure` if all addresses are needed and another one that the user asked for cannot be bound.
    /// - besides: runs beside the listeners once the first address is bound.
    func run(besides: @escaping @Sendable () async throws -> Void = {}) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [first] in try await first.run() }
            group.addTask { [bound, others] in
                for await port in bound {
                    try await withThrowingDiscardingTaskGroup { group in
                        group.addTask { try await besides() }
                        for (address, listener) in others(port) { group.addTask { try await run(listener, address, port) } }
                    }
                }
            }
            // If the first listener fails, its error ends the wait of the others for its port, and the server does not run.
            for try await _ in group {}
        }
    }

    private func run(_ listener: Listener, _ address: ListenAddress, _ port: Int) async throws {
        do {
            try await listener.run()
            // A listener that a shutdown ended before it was bound needs no further wait.
            if !Task.isCancelled { settled.yield() }
        } catch {
            let text = address.text(port: port)
            let failure = ListenFailure(error, address: text, option: "--listen")
            if needsAll, address.isRequested, let failure { throw failure }
            logger.log(
                level: address.isRequested ? .warning : .info, "cannot listen on address; the server runs without it",
                metadata: ["address": "\(text)", "error": "\(failure?.reason ?? "\(error)")"])
            settled.yield()
        }
    }
}
