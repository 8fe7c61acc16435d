import Foundation

/// A queue of jobs, and threads that do nothing else, with large stacks.
///
/// `@unchecked Sendable`: the mutable state is only touched while `condition` is locked.
final class WorkerLane: @unchecked Sendable {
    private final class Job {
        let run: @Sendable () -> Void
        /// When a thread took it.
        var start: ContinuousClock.Instant?
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Bytes of each thread's stack. Only what is touched takes memory.
    private static let stackBytes = 64 << 20

    private let condition = NSCondition()
    private var waiting: [Job] = []
    private var running: [Job] = []
    private var isOver = false
    private let threads: Int

    /// - niceness: what is added to the threads' nice value, so that the engine's threads come first.
    init(name: String, threads: Int, niceness: Int32) {
        self.threads = threads
        for _ in 0..<threads {
            let thread = Thread { [self] in work(niceness: niceness) }
            thread.name = name
            thread.stackSize = Self.stackBytes
            thread.start()
        }
    }

    var use: WorkerPool.Use {
        condition.withLock { WorkerPool.Use(threads: threads, running: running.count, waiting: waiting.count) }
    }

    func running(longerThan duration: Duration) -> Int {
        let limit = ContinuousClock.now - duration
        return condition.withLock { running.count { job in job.start.map { $0 < limit } == true } }
    }

    func submit(_ run: @escaping @Sendable () -> Void) {
        condition.withLock {
            waiting.append(Job(run))
            condition.signal()
        }
    }

    func shutdown() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    private func work(niceness: Int32) {
        #if os(Linux)
            // On Linux a thread has a nice value of its own.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) + niceness)
        #endif
        condition.lock()
        while true {
            guard let job = waiting.first else {
                if isOver { break }
                condition.wait()
                continue
            }
            waiting.removeFirst()
            job.start = .now
            running.append(job)
            condition.unlock()
            job.run()
            condition.lock()
            running.removeAll { $0 === job }
        }
        condition.unlock()
    }
}
