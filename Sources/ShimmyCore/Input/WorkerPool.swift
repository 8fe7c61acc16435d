import Foundation

/// Runs work whose length is decided by a client's input: parsing, decoding, rendering, tokenizing, compiling, reading answers.
///
/// The pool has threads of its own, with large stacks and a lower priority than the engine's. The cooperative pool and the
/// engine's thread stay free, so that other clients' streams and `/health` do not wait.
///
package final class WorkerPool: Sendable {
    /// How long work may take. Each kind has threads of its own.
    package enum Lane: Sendable {
        /// Milliseconds: most requests.
        case quick
        /// Up to seconds: large bodies, grammars that are compiled for the first time.
        case slow
    }

    /// How much of a pool is used.
    package struct Use: Sendable, Equatable {
        package var threads: Int
        package var running: Int
        package var waiting: Int
    }

    /// The pool for everything that clients send.
    package static let input = WorkerPool(name: "input", threads: max(4, ProcessInfo.processInfo.activeProcessorCount))

    /// The pool for work on files: scans, downloads, hashes, locks. A disk that does not answer occupies these threads and no others.
    package static let files = WorkerPool(name: "files", threads: 8)

    private let quick: WorkerLane
    private let slow: WorkerLane

    /// - threads: for quick work. Slow work has half as many of its own, which come last when cores are few.
    package init(name: String, threads: Int) {
        quick = WorkerLane(name: name, threads: max(2, threads), niceness: 5)
        slow = WorkerLane(name: "slow \(name)", threads: max(1, threads / 2), niceness: 12)
    }

    package var use: Use {
        let lanes = [quick.use, slow.use]
        return Use(
            threads: lanes.reduce(0) { $0 + $1.threads }, running: lanes.reduce(0) { $0 + $1.running }, waiting: lanes.reduce(0) { $0 + $1.waiting })
    }

    /// How many jobs have been running for longer than this. Each of them is likely to keep a core busy for a while yet.
    package func running(longerThan duration: Duration) -> Int {
        quick.running(longerThan: duration) + slow.running(longerThan: duration)
    }

    /// Ends the threads once all work is done. For tests; the process's own pool lives as long as the process.
    package func shutdown() {
        quick.shutdown()
        slow.shutdown()
    }

    /// Runs `body` on a thread of the pool.
    ///
    /// - seconds: the time that `body` may take, from its start; nil for no bound.
    ///
    /// Throws what `body` throws, and `CancellationError` when the task is cancelled before or while it runs.
    package func run<Value>(
        _ lane: Lane = .quick, seconds: Double? = nil, _ body: @escaping @Sendable (WorkBudget) throws -> sending Value
    ) async throws -> sending Value {
        let ticket = Ticket()
        let result: UncheckedResult<Value> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                (lane == .quick ? quick : slow).submit {
                    continuation.resume(
                        returning: UncheckedResult(
                            Result {
                                guard let budget = ticket.begin(seconds: seconds) else { throw CancellationError() }
                                return try body(budget)
                            }))
                }
            }
        } onCancel: {
            ticket.cancel()
        }
        do {
            return try result.value.get()
        } catch WorkStopped.cancelled {
            throw CancellationError()
        }
    }
}

/// Connects the cancellation of a task with the budget of its work, which begins later.
///
/// `@unchecked Sendable`: the mutable state is only touched while `lock` is locked.
private final class Ticket: @unchecked Sendable {
    private let lock = NSLock()
    private var isCancelled = false
    private var budget: WorkBudget?

    /// Returns nil when the work was cancelled while it waited.
    func begin(seconds: Double?) -> WorkBudget? {
        lock.withLock {
            guard !isCancelled else { return nil }
            let budget = WorkBudget(seconds: seconds)
            self.budget = budget
            return budget
        }
    }

    func cancel() {
        lock.withLock {
            isCancelled = true
            budget?.cancel()
        }
    }
}

/// Carries a result from the worker's thread to the task that waits for it.
///
/// `@unchecked Sendable`: the worker gives the value away and keeps no reference to it.
private struct UncheckedResult<Value>: @unchecked Sendable {
    let value: Result<Value, any Error>
    init(_ value: Result<Value, any Error>) { self.value = value }
}
