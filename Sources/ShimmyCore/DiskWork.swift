import Synchronization

/// Runs work on disks that may not answer, such as those of other machines. Callers wait for a time with a bound; the thread of work that hangs
/// stays behind until its disk answers.
package final class DiskWork: Sendable {
    /// Why work gave no result.
    package struct NoAnswer: Error, Equatable, CustomStringConvertible {
        package let description = "the disk does not answer"

        package init() {}
    }

    package static let shared = DiskWork(pool: .files)

    private let pool: WorkerPool
    /// Work that nobody waits for any more and that has not ended.
    private let abandoned = Mutex(0)
    /// With so many, new work is refused at once: it would probably hang, too, and threads are few.
    private static let mostAbandoned = 2

    package init(pool: WorkerPool) { self.pool = pool }

    /// Whether so much work hangs that new work is refused.
    package var isStuck: Bool { abandoned.withLock { $0 } >= Self.mostAbandoned }

    /// Runs `body` on the pool.
    /// - patience: seconds to wait for it, from now.
    ///
    /// Throws what `body` throws, `NoAnswer` when the patience is used up, and `CancellationError` as soon as the task is cancelled.
    package func run<Value: Sendable>(patience: Double, _ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        if isStuck { throw NoAnswer() }
        let race = Race<Value>()
        let work = Task { [pool] in
            do {
                race.end(.success(try await pool.run(.slow) { _ in try body() }))
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
        // Counted first, so that the work's end, which may come now, finds what it takes back.
        abandoned.withLock { $0 += 1 }
        if race.abandon(error) { work.cancel() } else { abandoned.withLock { $0 -= 1 } }
    }
}

/// The first of the ways in which waiting for work can end.
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

    /// Returns whether the work had not ended.
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
