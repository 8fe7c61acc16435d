import Synchronization

/// A time limit for one piece of work on client input, which also ends when the client disconnects.
///
/// The code that does the work calls `check()` every few thousand operations.
package final class WorkBudget: Sendable {
    /// The time that a budget measures.
    package enum Measure: Sendable {
        /// The time that passes.
        case wall
        /// The processor time of the thread that does the work, so that the same work has the same limit beside other threads with a higher
        /// priority. The thread that creates the budget must do the work.
        case processor
    }

    /// The budget of the work that this thread of a worker pool is doing; nil elsewhere.
    @TaskLocal package static var current: WorkBudget?

    /// Seconds that the work may take; nil for unlimited.
    package let seconds: Double?
    private let clock: WorkClock
    private let deadline: Duration?
    /// The processor time of the thread at which the budget ends; nil if the budget does not measure it.
    private let threadDeadline: Duration?
    private let whole: WorkBudget?
    private let isCancelled = Atomic<Bool>(false)

    /// Creates a budget whose time starts now.
    /// - whole: the budget of the work of which this is a part; nil for none. The part ends with it.
    package init(
        seconds: Double? = nil, of measure: Measure = .wall, within whole: WorkBudget? = nil, clock: WorkClock = .system
    ) {
        self.seconds = seconds
        self.whole = whole
        self.clock = clock
        deadline = seconds.map { clock.wall() + .seconds($0) }
        threadDeadline = measure == .processor ? seconds.map { clock.thread() + .seconds($0) } : nil
    }

    /// Whether the budget's own time is used up.
    package var isOver: Bool {
        // A thread uses no more processor time than passes. The clock of the processor time takes longer to read, so it is read last.
        guard let deadline, clock.wall() > deadline else { return false }
        return threadDeadline.map { clock.thread() > $0 } ?? true
    }

    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Throws `WorkStopped` if the time is used up or the work was cancelled.
    package func check() throws(WorkStopped) {
        if isCancelled.load(ordering: .relaxed) { throw .cancelled }
        if let seconds, isOver { throw .tooLong(seconds: seconds) }
        try whole?.check()
    }
}

/// The reason why work on client input ended before it was done.
package enum WorkStopped: Error, Equatable {
    case tooLong(seconds: Double)
    case cancelled
}
