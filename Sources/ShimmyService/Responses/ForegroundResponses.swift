import ShimmyChat
import Synchronization

/// The stored responses that requests make in the foreground, so that another request can delete one of them.
final class ForegroundResponses: Sendable {
    private struct Progress {
        let canceller: Answer.Canceller
        var isDeleted = false
    }

    /// The place of one response. The record of the response holds it, so that it lasts until the end of the response is stored.
    final class Place: Sendable {
        private let id: String
        private let responses: ForegroundResponses

        fileprivate init(_ id: String, in responses: ForegroundResponses) {
            self.id = id
            self.responses = responses
        }

        deinit { responses.running.withLock { $0[id] = nil } }

        /// Whether a client deleted the response, so that nothing of it may be kept.
        var isDeleted: Bool { responses.running.withLock { $0[id]?.isDeleted ?? false } }
    }

    private let running = Mutex<[String: Progress]>([:])

    /// Adds a response that has begun.
    func add(_ id: String, _ canceller: Answer.Canceller) -> Place {
        running.withLock { $0[id] = Progress(canceller: canceller) }
        return Place(id, in: self)
    }

    /// Ends a response whose record was deleted. Does nothing if it does not run in this process.
    func deleted(_ id: String) {
        let canceller = running.withLock { running in
            running[id]?.isDeleted = true
            return running[id]?.canceller
        }
        canceller?.cancel()
    }
}
