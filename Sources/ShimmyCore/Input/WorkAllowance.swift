import Synchronization

/// The processor time that all work on one request may take together on the worker pool.
///
/// A request can need many pieces of work: a long input that is shortened until it fits is rendered again and again.
package final class WorkAllowance: Sendable {
    /// The allowance of the request that this task serves; nil if each piece of work has a limit of its own.
    @TaskLocal package static var current: WorkAllowance?

    package let seconds: Double
    private let used = Mutex(Duration.zero)

    package init(seconds: Double = InputLimits.standard.prepareSeconds) { self.seconds = seconds }

    /// Runs the work of one request within a new allowance.
    package static func limiting<Value: Sendable>(_ work: @Sendable () async throws -> Value) async rethrows -> Value {
        try await $current.withValue(WorkAllowance(), operation: work)
    }

    /// The remaining time in seconds; 0 if it is used up.
    package var remaining: Double { max(0, seconds - used.withLock { $0 } / .seconds(1)) }

    /// Runs `body`, whose processor time on this thread counts.
    package func spend<Value>(_ body: () throws -> Value) rethrows -> Value {
        let clock = WorkClock.system
        let start = clock.thread()
        defer { used.withLock { $0 += clock.thread() - start } }
        return try body()
    }
}
