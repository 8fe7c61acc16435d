import Synchronization

/// Hands on the newest of what comes faster than it can be told, and a sign of life where nothing comes.
package final class NewestNews<Value: Sendable>: Sendable {
    package enum News: Sendable {
        case value(Value)
        /// Nothing new, but the work goes on.
        case life
    }

    private struct State {
        var value: Value?
        var isNudged = false
    }

    private let state = Mutex(State())
    /// One for each time when there may be something to take; ends with `finish`.
    package let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    package init() { (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    package func tell(_ value: Value) {
        state.withLock { $0.value = value }
        waker.yield()
    }

    package func nudge() {
        state.withLock { $0.isNudged = true }
        waker.yield()
    }

    /// What was told before is still handed on.
    package func finish() { waker.finish() }

    /// nil where it was taken already.
    package func take() -> News? {
        state.withLock { state in
            defer { state = State() }
            if let value = state.value { return .value(value) }
            return state.isNudged ? .life : nil
        }
    }
}
