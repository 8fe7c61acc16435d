import Synchronization

/// A time limit for one piece of work on client input, which also ends when the client disconnects.
///
/// The code that does the work calls `check()` every few thousand operations.
package final class WorkBudget: Sendable {
    /// The budget of the work that this thread of a worker pool is doing; nil elsewhere.
    @TaskLocal package static var current: WorkBudget?

    /// Seconds that the work may take; nil for unlimited.
    package let seconds: Double?
    private let deadline: ContinuousClock.Instant?
    private let whole: WorkBudget?
    private let isCancelled = Atomic<Bool>(false)

    /// Creates a budget whose time starts now.
    /// - whole: the budget of the work of which this is a part; nil for none. The part ends with it.
    package init(seconds: Double? = nil, within whole: WorkBudget? = nil) {
        self.seconds = seconds
        self.whole = whole
        deadline = seconds.map { .now + .seconds($0) }
    }

    /// Whether the budget's own time is used up.
    package var isOver: Bool { deadline.map { ContinuousClock.now > $0 } ?? false }

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
