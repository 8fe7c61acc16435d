package import Logging
import ShimmyCore
import Synchronization

/// As many sequences wait as may; `retryAfter` is when one of them has probably ended, in seconds.
package struct QueueFull: Error, Equatable {
    package let retryAfter: Int

    package init(retryAfter: Int) { self.retryAfter = retryAfter }
}

/// The only thing that others hold of an engine.
package final class EngineHandle: Sendable {
    package struct Options: Sendable {
        package var target: StepTarget
        /// Sequences that may wait beside those that run.
        package var queue: Int
        /// See `Scheduler.isDeterministic`.
        package var isDeterministic: Bool
        /// Where prefixes are kept beyond the process; nil for nowhere.
        package var store: PrefixStore?
        /// What the engine takes turns at with others.
        package var turn: ComputeTurn
        /// Where the engine reports errors that it survived.
        package var logger: Logger

        package init(
            target: StepTarget = StepTarget(), queue: Int = 256, isDeterministic: Bool = false, store: PrefixStore? = nil,
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

    /// Starts an engine on its own thread. `makeRunner` runs there; what it throws is thrown here.
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

    /// Sequences that it takes at once: those that run, and those that may wait.
    package var capacity: Int { limits.running + queue }

    /// Queues sequences of one owner, all or none: at most `capacity`, each one fit for `limits.contextLength`. Throws `QueueFull`.
    package func submit(_ requests: [SequenceRequest]) throws(QueueFull) -> [TokenStream] {
        guard let owner = requests.first?.owner else { return [] }
        try shared.enter(requests.count, for: owner, limit: capacity, kept: QueuePlaces.kept(of: queue))
        return requests.map { request in
            precondition(request.fits(limits.contextLength))
            let id = SequenceID(lastID.wrappingAdd(1, ordering: .relaxed).newValue)
            let stream = TokenStream { [mailbox] in mailbox.send(.cancel(id)) }
            // An engine that has ended answers nobody.
            if !mailbox.send(.submit(id, request, WeakStream(stream), stored: nil)) { stream.fail(CancellationError()) }
            return stream
        }
    }

    package func submit(_ request: SequenceRequest) throws(QueueFull) -> TokenStream { try submit([request])[0] }

    package var statistics: EngineStatistics { shared.statistics }

    /// Ends the engine; streams that are still running are cancelled. Returns when its thread has freed everything.
    package func shutdown() async {
        mailbox.send(.shutdown)
        await shared.waitForThreadEnd()
    }
}
