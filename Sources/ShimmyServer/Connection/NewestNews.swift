import Synchronization

/// Delivers the newest value when values arrive faster than they can be written, and a ping when none arrive.
package final class NewestNews<Value: Sendable>: Sendable {
    package enum News: Sendable {
        case value(Value)
        /// A ping: there is no new value, but the work continues.
        case life
    }

    private struct State {
        var value: Value?
        var isNudged = false
    }

    private let state = Mutex(State())
    /// A stream with an element whenever there may be something to take. It ends with `finish`.
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

    /// Ends `wakes`. A value set before is still delivered.
    package func finish() { waker.finish() }

    /// Returns the newest value or a ping; nil if it was already taken.
    package func take() -> News? {
        state.withLock { state in
            defer { state = State() }
            if let value = state.value { return .value(value) }
            return state.isNudged ? .life : nil
        }
    }
}
