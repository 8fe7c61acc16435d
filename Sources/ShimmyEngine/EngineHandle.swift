import ShimmyCore
import Synchronization

/// What an engine is doing, for people and for tests.
package struct EngineStatistics: Sendable, Equatable {
    package var running = 0
    package var waiting = 0
    package var cellsUsed = 0
    package var cellsTotal = 0
    package var steps = 0
    package var tokensComputed = 0

    package init() {}
}

/// The only thing that others hold of an engine.
package final class EngineHandle: Sendable {
    package let limits: RunnerLimits
    private let mailbox: Mailbox<EngineCommand>
    private let shared: SharedStatistics
    private let nextID = Mutex<UInt64>(0)

    private init(limits: RunnerLimits, mailbox: Mailbox<EngineCommand>, shared: SharedStatistics) {
        self.limits = limits
        self.mailbox = mailbox
        self.shared = shared
    }

    deinit { mailbox.send(.shutdown) }

    /// Starts an engine on its own thread. `makeRunner` runs there; what it throws is thrown here.
    package static func start<Runner: ModelRunner & SendableMetatype>(
        name: String, budget: StepBudget = StepBudget(), makeRunner: @escaping @Sendable () throws -> Runner
    ) async throws -> EngineHandle {
        let mailbox = Mailbox<EngineCommand>()
        let shared = SharedStatistics()
        let limits = try await withCheckedThrowingContinuation { (started: CheckedContinuation<RunnerLimits, any Error>) in
            startThread(named: name) {
                do {
                    let runner = try makeRunner()
                    let loop = EngineLoop(runner: runner, budget: budget, mailbox: mailbox, shared: shared)
                    started.resume(returning: runner.limits)
                    loop.run()
                } catch {
                    started.resume(throwing: error)
                }
                shared.threadEnded()
            }
        }
        return EngineHandle(limits: limits, mailbox: mailbox, shared: shared)
    }

    /// Queues a sequence. The prompt must be shorter than `limits.contextLength`.
    package func submit(_ request: SequenceRequest) -> TokenStream {
        precondition(request.prompt.count < limits.contextLength)
        let id = SequenceID(
            nextID.withLock { next in
                next += 1
                return next
            })
        let stream = TokenStream { [mailbox] in mailbox.send(.cancel(id)) }
        mailbox.send(.submit(id, request, WeakStream(stream)))
        return stream
    }

    package var statistics: EngineStatistics { shared.statistics }

    /// Ends the engine; streams that are still running are cancelled. Returns when its thread has freed everything.
    package func shutdown() async {
        mailbox.send(.shutdown)
        await shared.waitForThreadEnd()
    }
}

/// What the engine's thread publishes for everybody else.
final class SharedStatistics: Sendable {
    private struct State {
        var statistics = EngineStatistics()
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var statistics: EngineStatistics { state.withLock { $0.statistics } }

    func publish(_ scheduler: borrowing Scheduler, cellsTotal: Int) {
        let (running, waiting, cells) = (scheduler.runningCount, scheduler.waitingCount, scheduler.cellsUsed)
        state.withLock {
            $0.statistics.running = running
            $0.statistics.waiting = waiting
            $0.statistics.cellsUsed = cells
            $0.statistics.cellsTotal = cellsTotal
        }
    }

    func countStep(tokens: Int) {
        state.withLock {
            $0.statistics.steps += 1
            $0.statistics.tokensComputed += tokens
        }
    }

    func threadEnded() {
        let waiters = state.withLock { state in
            state.ended = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func waitForThreadEnd() async {
        await withCheckedContinuation { continuation in
            let ended = state.withLock { state in
                if !state.ended { state.waiters.append(continuation) }
                return state.ended
            }
            if ended { continuation.resume() }
        }
    }
}
