import ShimmyCore
import Synchronization

/// One start of a child process, from the launch to the end.
package final class EngineRun: Sendable {
    /// The path of the process's socket, and the key that its requests need.
    package let socket: String
    package let secret: String
    private let folder: SocketFolder
    private let ended = Signal()
    private let state = Mutex(State())

    private struct State {
        /// The process; nil before the launch and after the end.
        var child: (any EngineChild)?
        var identifier: Int32?
        /// The failure that the process reported before it ended.
        var report: String?
        var reason: String?
    }

    init() throws {
        folder = try SocketFolder()
        socket = folder.socket
        secret = (0..<32).map { _ in UInt8.random(in: 0 ... .max) }.hexadecimal
    }

    /// The reason why the process ended; nil while it runs.
    package var reason: String? { state.withLock { $0.reason } }

    /// The id of the process; nil before the launch.
    var identifier: Int32? { state.withLock { $0.identifier } }

    /// Returns whether the process ended, after waiting for its end.
    package func hasEnded(within limit: Duration) async -> Bool { await ended.wait(atMost: limit) }

    func note(_ child: any EngineChild) {
        let identifier = child.identifier
        state.withLock { state in
            state.identifier = identifier
            if state.reason == nil { state.child = child }
        }
    }

    /// Notes the failure that the process reports before it ends.
    func note(failure: String) { state.withLock { $0.report = failure } }

    /// Notes the end. Returns the failure that the process reported, or else `reason`.
    func end(_ reason: String) -> String {
        let reason = state.withLock { state -> String in
            let reason = state.report ?? reason
            (state.reason, state.child) = (reason, nil)
            return reason
        }
        folder.remove()
        ended.fire()
        return reason
    }

    /// Asks the process to end.
    func release() { state.withLock { $0.child }?.release() }

    /// Asks the process to end, and kills it if it has not ended within the limit.
    func stop(within limit: Duration) async {
        release()
        if await hasEnded(within: limit) { return }
        state.withLock { $0.child }?.destroy()
        _ = await hasEnded(within: limit)
    }
}
