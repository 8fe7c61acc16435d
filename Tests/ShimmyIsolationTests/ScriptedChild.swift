import ShimmyIsolation
import Synchronization

/// Child processes without processes: the test sends their news.
final class ScriptedChildren: Sendable {
    struct Child: EngineChild {
        let identifier: Int32
        let order: EngineOrder
        let tell: @Sendable (EngineEvent) -> Void
        let onRelease: @Sendable () -> Void

        func release() { onRelease() }
        func destroy() {}
    }

    private struct State {
        var children: [Child] = []
        var waiters: [(count: Int, answer: CheckedContinuation<Child, Never>)] = []
    }

    private let state = Mutex(State())

    /// Starts a child. When it is released, it ends with the status 0.
    var launcher: EngineLauncher {
        { [self] order, tell in
            let (child, waiters) = state.withLock { state -> (Child, [CheckedContinuation<Child, Never>]) in
                let child = Child(identifier: Int32(state.children.count + 1), order: order, tell: tell) { tell(.ended(.exited(status: 0))) }
                state.children.append(child)
                let count = state.children.count
                let ready = state.waiters.filter { $0.count == count }.map(\.answer)
                state.waiters.removeAll { $0.count == count }
                return (child, ready)
            }
            for waiter in waiters { waiter.resume(returning: child) }
            return child
        }
    }

    var count: Int { state.withLock { $0.children.count } }

    /// Returns the child with a number, from 1, after waiting for its start.
    func child(_ number: Int) async -> Child {
        await withCheckedContinuation { answer in
            let known = state.withLock { state -> Child? in
                if state.children.count >= number { return state.children[number - 1] }
                state.waiters.append((number, answer))
                return nil
            }
            if let known { answer.resume(returning: known) }
        }
    }
}
