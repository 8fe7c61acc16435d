import Foundation

/// Runs work whose length is decided by a client's input: parsing, decoding, rendering, tokenizing, compiling, reading answers.
///
/// The pool has threads of its own, with large stacks and a lower priority than the engine's. The cooperative pool and the
/// engine's thread stay free, so that other clients' streams and `/health` do not wait.
///
/// `@unchecked Sendable`: the mutable state is only touched while `condition` is locked.
package final class WorkerPool: @unchecked Sendable {
    /// How long work may take. Slow work never occupies all threads.
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

    private final class Job {
        let lane: Lane
        let run: @Sendable () -> Void
        init(_ lane: Lane, _ run: @escaping @Sendable () -> Void) { (self.lane, self.run) = (lane, run) }
    }

    /// The pool for everything that clients send.
    package static let input = WorkerPool(name: "input", threads: max(4, ProcessInfo.processInfo.activeProcessorCount))

    /// The pool for work on files: scans, downloads, hashes, locks. A disk that does not answer occupies these threads and no others.
    package static let files = WorkerPool(name: "files", threads: 8)

    /// Bytes of each thread's stack. Only what is touched takes memory.
    private static let stackBytes = 64 << 20
    /// What is added to the threads' nice value, so that the engine's threads come first.
    private static let niceness: Int32 = 5

    private let condition = NSCondition()
    private var quick: [Job] = []
    private var slow: [Job] = []
    private var (runningQuick, runningSlow) = (0, 0)
    private var isOver = false
    private let threads: Int

    /// Threads that slow work may occupy.
    private var slowThreads: Int { max(1, threads / 2) }

    package init(name: String, threads: Int) {
        self.threads = max(2, threads)
        for _ in 0..<self.threads {
            let thread = Thread { [self] in work() }
            thread.name = name
            thread.stackSize = Self.stackBytes
            thread.start()
        }
    }

    package var use: Use {
        condition.withLock { Use(threads: threads, running: runningQuick + runningSlow, waiting: quick.count + slow.count) }
    }

    /// Ends the threads once all work is done. For tests; the process's own pool lives as long as the process.
    package func shutdown() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
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
                submit(lane) {
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

    private func submit(_ lane: Lane, _ run: @escaping @Sendable () -> Void) {
        condition.withLock {
            switch lane {
            case .quick: quick.append(Job(lane, run))
            case .slow: slow.append(Job(lane, run))
            }
            condition.signal()
        }
    }

    private func work() {
        #if os(Linux)
            // On Linux a thread has a nice value of its own.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) + Self.niceness)
        #endif
        condition.lock()
        while true {
            guard let job = next() else {
                if isOver { break }
                condition.wait()
                continue
            }
            condition.unlock()
            job.run()
            condition.lock()
            if job.lane == .slow { runningSlow -= 1 } else { runningQuick -= 1 }
            // A place for slow work may have become free.
            condition.signal()
        }
        condition.unlock()
    }

    /// Called with the lock held.
    private func next() -> Job? {
        if !quick.isEmpty {
            runningQuick += 1
            return quick.removeFirst()
        }
        guard !slow.isEmpty, runningSlow < slowThreads else { return nil }
        runningSlow += 1
        return slow.removeFirst()
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
