import Synchronization

/// Wakes the one task that waits for news of several requests. Any thread may ring.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var isNudged = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() { wake { $0.isRung = true } }

    /// Makes the waiting task receive a sign of life.
    func nudge() { wake { $0.isNudged = true } }

    /// Waits for a ring or a nudge. Returns whether it was only a nudge.
    func wait() async -> Bool {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isRung || state.isNudged { return true }
                precondition(state.waiter == nil, "a doorbell has one listener")
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { state in
            defer { (state.isRung, state.isNudged) = (false, false) }
            return !state.isRung
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
