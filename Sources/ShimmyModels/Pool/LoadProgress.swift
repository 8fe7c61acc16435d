import Synchronization

/// The progress of a load, which the loader reports, and whether the load is still wanted.
package final class LoadProgress: Sendable {
    private let state = Mutex((fraction: 0.0, isCancelled: false))
    private let tell: @Sendable (Double) -> Void

    /// - tell: receives the fraction after each report.
    package init(_ tell: @escaping @Sendable (Double) -> Void = { _ in }) { self.tell = tell }

    /// The completed fraction, 0 to 1. It never decreases.
    package var fraction: Double { state.withLock { $0.fraction } }
    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    package func report(_ fraction: Double) {
        tell(
            state.withLock { state in
                state.fraction = max(state.fraction, min(1, fraction))
                return state.fraction
            })
    }

    package func cancel() { state.withLock { $0.isCancelled = true } }

    /// Throws `CancellationError` if the load is no longer wanted.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}
