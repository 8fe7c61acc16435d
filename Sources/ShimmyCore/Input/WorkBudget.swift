import Synchronization

/// A time limit for one piece of work on client input, which also ends when the client disconnects.
///
/// The code that does the work calls `check()` every few thousand operations.
package final class WorkBudget: Sendable {
    /// Seconds that the work may take; nil for unlimited.
    package let seconds: Double?
    private let deadline: ContinuousClock.Instant?
    private let isCancelled = Atomic<Bool>(false)

    /// Creates a budget whose time starts now.
    package init(seconds: Double? = nil) {
        self.seconds = seconds
        deadline = seconds.map { .now + .seconds($0) }
    }

    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Throws `WorkStopped` if the time is used up or the work was cancelled.
    package func check() throws(WorkStopped) {
        if isCancelled.load(ordering: .relaxed) { throw .cancelled }
        if let seconds, let deadline, ContinuousClock.now > deadline { throw .tooLong(seconds: seconds) }
    }
}

/// The reason why work on client input ended before it was done.
package enum WorkStopped: Error, Equatable {
    case tooLong(seconds: Double)
    case cancelled
}
