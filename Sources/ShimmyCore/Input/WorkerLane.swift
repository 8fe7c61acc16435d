import Foundation

/// A queue of jobs with dedicated threads, which have large stacks.
///
/// `@unchecked Sendable`: the mutable state is only accessed while `condition` is locked.
final class WorkerLane: @unchecked Sendable {
    /// Bytes of each thread's stack. Only the touched pages take memory.
    private static let stackBytes = 64 << 20

    private let condition = NSCondition()
    private var waiting: [@Sendable () -> Void] = []
    /// The time when each busy thread started its job, by thread.
    private var starts: [Int: ContinuousClock.Instant] = [:]
    private var isOver = false
    private let threads: Int

    /// - niceness: the threads' nice value relative to the process's, so that the engine's threads have priority.
    init(name: String, threads: Int, niceness: Int32) {
        self.threads = threads
        for number in 0..<threads {
            let thread = Thread { [self] in work(as: number, niceness: niceness) }
            thread.name = name
            thread.stackSize = Self.stackBytes
            thread.start()
        }
    }

    var use: WorkerPool.Use {
        condition.withLock { WorkerPool.Use(threads: threads, running: starts.count, waiting: waiting.count) }
    }

    func running(longerThan duration: Duration) -> Int {
        let limit = ContinuousClock.now - duration
        return condition.withLock { starts.values.count { $0 < limit } }
    }

    func submit(_ run: @escaping @Sendable () -> Void) {
        condition.withLock {
            waiting.append(run)
            condition.signal()
        }
    }

    func shutdown() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    private func work(as thread: Int, niceness: Int32) {
        #if os(Linux)
            // On Linux each thread has its own nice value and inherits that of the thread that started it, which can be a thread of another
            // lane. The value of the main thread, whose id is the id of the process, is the base for all lanes.
            let which = __priority_which_t(PRIO_PROCESS.rawValue)
            setpriority(which, 0, getpriority(which, id_t(getpid())) + niceness)
        #endif
        condition.lock()
        while true {
            guard !waiting.isEmpty else {
                if isOver { break }
                condition.wait()
                continue
            }
            let run = waiting.removeFirst()
            starts[thread] = .now
            condition.unlock()
            run()
            condition.lock()
            starts[thread] = nil
        }
        condition.unlock()
    }
}
