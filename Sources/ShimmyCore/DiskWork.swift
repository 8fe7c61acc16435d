import Synchronization

/// An executor of work on disks that may not answer, such as network disks. Callers wait for a limited time; the thread of work that hangs
/// remains blocked until its disk answers.
package final class DiskWork: Sendable {
    /// The disk did not answer, so that the work has no result.
    package struct NoAnswer: Error, Equatable, CustomStringConvertible {
        package let description = "the disk does not respond"

        package init() {}
    }

    package static let shared = DiskWork(pool: .files)

    private let pool: WorkerPool
    private let lane: WorkerPool.Lane
    /// The number of jobs that have not ended and whose callers no longer wait.
    private let abandoned = Mutex(0)
    /// The number of abandoned jobs from which new work is refused at once: new work would probably hang too, and threads are few.
    private static let mostAbandoned = 2

    package init(pool: WorkerPool, lane: WorkerPool.Lane = .slow) {
        self.pool = pool
        self.lane = lane
    }

    /// Whether the max number of jobs hangs, so that new work is refused.
    package var isStuck: Bool { abandoned.withLock { $0 } >= Self.mostAbandoned }

    /// Runs `body` on the pool.
    /// - patience: seconds to wait for the result, from now.
    ///
    /// Throws the errors of `body`, `NoAnswer` when the patience runs out, and `CancellationError` as soon as the task is cancelled.
    package func run<Value: Sendable>(patience: Double, _ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        if isStuck { throw NoAnswer() }
        let race = Race<Value>()
        let work = Task { [pool, lane] in
            do {
                race.end(.success(try await pool.run(lane) { _ in try body() }))
            } catch {
                race.end(.failure(error))
            }
            if race.wasAbandoned { abandoned.withLock { $0 -= 1 } }
        }
        let alarm = Task {
            guard (try? await Task.sleep(for: .seconds(patience))) != nil else { return }
            abandon(race, work, NoAnswer())
        }
        defer { alarm.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { race.wait($0) }
        } onCancel: {
            abandon(race, work, CancellationError())
        }
    }

    private func abandon<Value: Sendable>(_ race: Race<Value>, _ work: Task<Void, Never>, _ error: any Error) {
        // The counter increases first, because the work may end at any moment and then decreases it.
        abandoned.withLock { $0 += 1 }
        if race.abandon(error) { work.cancel() } else { abandoned.withLock { $0 -= 1 } }
    }
}

/// The first of the events that end the wait for work: its result, the timeout or the cancellation.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, any Error>?
        var waiter: CheckedContinuation<Value, any Error>?
        var wasAbandoned = false
    }

    private let state = Mutex(State())

    var wasAbandoned: Bool { state.withLock { $0.wasAbandoned } }

    func wait(_ waiter: CheckedContinuation<Value, any Error>) {
        let result = state.withLock { state in
            if state.result == nil { state.waiter = waiter }
            return state.result
        }
        if let result { waiter.resume(with: result) }
    }

    func end(_ result: Result<Value, any Error>) { _ = settle(result, abandons: false) }

    /// Ends the wait with an error. Returns whether the work had not ended before.
    func abandon(_ error: any Error) -> Bool { settle(.failure(error), abandons: true) }

    private func settle(_ result: Result<Value, any Error>, abandons: Bool) -> Bool {
        let (isFirst, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Value, any Error>?) in
            guard state.result == nil else { return (false, nil) }
            state.result = result
            state.wasAbandoned = abandons
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        waiter?.resume(with: result)
        return isFirst
    }
}
