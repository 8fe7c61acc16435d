import Foundation

/// A pool of threads for work whose duration depends on a client's input: parsing, decoding, rendering, tokenizing, compiling, reading answers.
///
/// The pool has its own threads, with large stacks and a lower priority than the engine's. The cooperative pool and the engine's thread stay
/// free, so that other clients' streams and `/health` do not wait.
package final class WorkerPool: Sendable {
    /// The expected duration of work. Each lane has its own threads.
    package enum Lane: Sendable {
        /// Milliseconds: most requests.
        case quick
        /// Up to seconds: large bodies, grammars that are compiled for the first time.
        case slow
    }

    /// The current use of a pool.
    package struct Use: Sendable, Equatable {
        package var threads: Int
        package var running: Int
        package var waiting: Int
    }

    /// The pool for all client input.
    package static let input = WorkerPool(name: "input", threads: max(4, ProcessInfo.processInfo.activeProcessorCount))

    /// The pool for work on files: scans, downloads, hashes, locks. A disk that does not answer blocks only these threads.
    package static let files = WorkerPool(name: "files", threads: 8)

    private let quick: WorkerLane
    private let slow: WorkerLane

    /// - threads: the number of threads for quick work. Slow work has half as many of its own, with a lower priority.
    package init(name: String, threads: Int) {
        quick = WorkerLane(name: name, threads: max(2, threads), niceness: 5)
        slow = WorkerLane(name: "slow \(name)", threads: max(1, threads / 2), niceness: 12)
    }

    package var use: Use {
        let lanes = [quick.use, slow.use]
        return Use(
            threads: lanes.reduce(0) { $0 + $1.threads }, running: lanes.reduce(0) { $0 + $1.running }, waiting: lanes.reduce(0) { $0 + $1.waiting })
    }

    /// Returns the number of jobs that have been running for longer than `duration`. Each of them is likely to keep a core busy for a while.
    package func running(longerThan duration: Duration) -> Int {
        quick.running(longerThan: duration) + slow.running(longerThan: duration)
    }

    /// Ends the threads after all work is done. For tests; the process's own pools live as long as the process.
    package func shutdown() {
        quick.shutdown()
        slow.shutdown()
    }

    /// Runs `body` on a thread of the pool.
    ///
    /// - seconds: the max processor time of `body`; nil for unlimited. On a busy machine more time passes, up to `InputLimits.waitFactor` times as
    ///   much.
    ///
    /// Throws the errors of `body`, and `CancellationError` when the task is cancelled before or during the work.
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
                                return try WorkBudget.$current.withValue(budget) { try body(budget) }
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

/// Connects the cancellation of a task with the budget of its work, which starts later.
///
/// `@unchecked Sendable`: the mutable state is only accessed while `lock` is locked.
private final class Ticket: @unchecked Sendable {
    private let lock = NSLock()
    private var isCancelled = false
    private var budget: WorkBudget?

    /// Creates the budget when the work starts. Returns nil if the work was cancelled while it was queued.
    func begin(seconds: Double?) -> WorkBudget? {
        lock.withLock {
            guard !isCancelled else { return nil }
            // Streams compute with a higher priority. A limit of the time that passes would make a request's success depend on them.
            let passing = seconds.map { WorkBudget(seconds: $0 * InputLimits.standard.waitFactor) }
            let budget = WorkBudget(seconds: seconds, of: .processor, within: passing)
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

/// A result that passes from the worker's thread to the waiting task.
///
/// `@unchecked Sendable`: the worker hands over the value and keeps no reference to it.
private struct UncheckedResult<Value>: @unchecked Sendable {
    let value: Result<Value, any Error>
    init(_ value: Result<Value, any Error>) { self.value = value }
}
