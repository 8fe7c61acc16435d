package import Logging
import ShimmyCore
import Synchronization

/// The error for a full queue. `retryAfter` is the estimated number of seconds until the queue has room.
package struct QueueFull: Error, Equatable {
    package let retryAfter: Int

    package init(retryAfter: Int) { self.retryAfter = retryAfter }
}

/// A handle to an engine. Other code accesses the engine only through it.
package final class EngineHandle: Sendable {
    package struct Options: Sendable {
        package var target: StepTarget
        /// The max number of waiting sequences, in addition to the running ones.
        package var queue: Int
        /// See `Scheduler.isDeterministic`.
        package var isDeterministic: Bool
        /// The store for prefixes that outlive the process; nil for none.
        package var store: (any PrefixStorage)?
        /// The turn that the engine shares with other engines.
        package var turn: ComputeTurn
        /// The logger for errors that the engine survived.
        package var logger: Logger

        package init(
            target: StepTarget = StepTarget(), queue: Int = 256, isDeterministic: Bool = false, store: (any PrefixStorage)? = nil,
            turn: ComputeTurn = .process, logger: Logger = Logger(label: "shimmy.engine")
        ) {
            self.logger = logger
            self.store = store
            self.turn = turn
            self.target = target
            self.isDeterministic = isDeterministic
            self.queue = queue
        }
    }

    package let limits: RunnerLimits
    private let queue: Int
    private let mailbox: Mailbox<EngineCommand>
    private let shared: SharedStatistics
    private let lastID = Atomic<UInt64>(0)

    private init(limits: RunnerLimits, queue: Int, mailbox: Mailbox<EngineCommand>, shared: SharedStatistics) {
        self.limits = limits
        self.queue = queue
        self.mailbox = mailbox
        self.shared = shared
    }

    deinit { mailbox.send(.shutdown) }

    /// Starts an engine on its own thread. `makeRunner` runs there; this function throws its error.
    package static func start<Runner: ModelRunner & SendableMetatype>(
        name: String, options: Options = Options(), makeRunner: @escaping @Sendable () throws -> Runner
    ) async throws -> EngineHandle {
        let mailbox = Mailbox<EngineCommand>()
        let shared = SharedStatistics()
        let limits = try await startEngine(named: name, shared) {
            let runner = try makeRunner()
            let loop = EngineLoop(runner: runner, options: options, mailbox: mailbox, shared: shared)
            return (runner.limits, loop.run)
        }
        return EngineHandle(limits: limits, queue: options.queue, mailbox: mailbox, shared: shared)
    }

    /// The max number of sequences in the engine, running and waiting.
    package var capacity: Int { limits.running + queue }

    /// Queues sequences of one owner, all or none: at most `capacity`, each of which the engine can compute (`SequenceRequest.fits`). Throws
    /// `QueueFull`.
    package func submit(_ requests: [SequenceRequest]) throws(QueueFull) -> [TokenStream] {
        guard let owner = requests.first?.owner else { return [] }
        try shared.enter(requests.count, of: owner, limit: capacity, reserved: QueueAdmission.reserved(of: queue))
        return requests.map { request in
            precondition(request.fits(limits))
            let id = SequenceID(lastID.wrappingAdd(1, ordering: .relaxed).newValue)
            let stream = TokenStream { [mailbox] in mailbox.send(.cancel(id)) }
            // An engine that has ended no longer takes requests.
            if !mailbox.send(.submit(id, request, WeakStream(stream), stored: nil)) { stream.fail(CancellationError()) }
            return stream
        }
    }

    package func submit(_ request: SequenceRequest) throws(QueueFull) -> TokenStream { try submit([request])[0] }

    package var statistics: EngineStatistics { shared.statistics }

    /// Asks the engine's thread for a new summary of the cells, which the statistics contain after its current step.
    package func summarizeCells() {
        if shared.beginSummary() { mailbox.send(.summarizeCells) }
    }

    /// Ends the engine and cancels the streams that still run. Returns when its thread has freed everything.
    package func shutdown() async {
        mailbox.send(.shutdown)
        await shared.waitForThreadEnd()
    }
}
