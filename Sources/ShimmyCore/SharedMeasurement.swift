import Synchronization

/// The result of a slow measurement, which is repeated when the last one is older than an interval. Concurrent readers share one measurement.
package final class SharedMeasurement<Value: Sendable>: Sendable {
    private struct State {
        var last: (value: Value, time: ContinuousClock.Instant)?
        /// The measurement in progress.
        var run: Task<Value?, Never>?
    }

    private enum Source: Sendable {
        case last(Value)
        case run(Task<Value?, Never>)
    }

    private let interval: Duration
    private let state = Mutex(State())

    package init(interval: Duration) { self.interval = interval }

    /// Returns a value that was measured at most `interval` ago. If the measurement fails, returns the last known value; nil if there is none.
    /// A cancelled reader does not stop the measurement, because others may wait for it.
    package func value(_ measure: @escaping @Sendable () async throws -> Value) async -> Value? {
        let now = ContinuousClock.now
        let source = state.withLock { state -> Source in
            if let last = state.last, now - last.time < interval { return .last(last.value) }
            if let run = state.run { return .run(run) }
            let run = Task { await self.run(measure, at: now) }
            state.run = run
            return .run(run)
        }
        switch source {
        case .last(let value): return value
        case .run(let run): return await run.value
        }
    }

    private func run(_ measure: @Sendable () async throws -> Value, at time: ContinuousClock.Instant) async -> Value? {
        let value = try? await measure()
        return state.withLock { state -> Value? in
            if let value { state.last = (value, time) }
            state.run = nil
            return state.last?.value
        }
    }
}
