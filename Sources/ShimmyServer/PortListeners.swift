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
    private let logger: Logger

    /// - port: 0 lets the system choose.
    /// - onListening: called once with the bound port, when the first listener accepts connections.
    init(
        _ host: String, and others: [ListenAddress], port: Int, logger: Logger, maker: @escaping Maker,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        let (bound, told) = AsyncStream.makeStream(of: Int.self)
        self.bound = bound
        self.logger = logger
        first = maker(.hostname(host, port: port)) { number in
            told.yield(number ?? port)
            told.finish()
            await onListening(number ?? port)
        }
        self.others = { port in others.map { ($0, maker(.hostname($0.host, port: $0.port ?? port)) { _ in }) } }
    }

    /// Accepts connections until the server has shut down gracefully. Throws if the first address cannot be bound; the others are skipped then.
    /// - besides: runs beside the listeners once the first address is bound.
    func run(besides: @escaping @Sendable () async -> Void = {}) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [first] in try await first.run() }
            group.addTask { [bound, others] in
                for await port in bound {
                    await withDiscardingTaskGroup { group in
                        group.addTask { await besides() }
                        for (address, listener) in others(port) { group.addTask { await run(listener, address) } }
                    }
                }
            }
            // If the first listener fails, its error ends the wait of the others for its port, and the server does not run.
            for try await _ in group {}
        }
    }

    private func run(_ listener: Listener, _ address: ListenAddress) async {
        do {
            try await listener.run()
        } catch {
            logger.log(
                level: address.isRequested ? .warning : .info, "cannot listen on address; the server runs without it",
                metadata: ["address": "\(listener.configuration.address)", "error": "\(error)"])
        }
    }
}
