import ShimmyJSON
import ShimmyStorage
import Synchronization

/// Final states of responses that the storage failed to save. The server returns them from memory and retries until they are stored.
final class UnkeptEnds: Sendable {
    private struct End {
        let owner: String
        /// The response; nil if it is to be deleted.
        let response: StoredResponse?
        let events: [JSON]
    }

    private static let interval: Duration = .seconds(1)

    private let ends = Mutex<[String: End]>([:])
    private let store: Store

    init(store: Store) { self.store = store }

    /// - response: the final state; nil if the response is to be deleted.
    /// - events: the last events.
    /// - keep: stores the final state; called until it does not throw.
    func note(
        _ id: String, owner: String, _ response: StoredResponse?, events: [JSON] = [], keep: @escaping @Sendable () async throws -> Void
    ) {
        ends.withLock { $0[id] = End(owner: owner, response: response, events: events) }
        Task {
            while ends.withLock({ $0[id] != nil }) {
                try await Task.sleep(for: Self.interval)
                do {
                    try await keep()
                    return forget(id)
                } catch {
                    continue
                }
            }
        }
    }

    /// Discards the final state of a response that a client deleted.
    func forget(_ id: String) { ends.withLock { $0[id] = nil } }

    /// Returns a response as its owner may see it; nil if it does not exist.
    func response(_ id: String, owner: String) async throws -> StoredResponse? {
        guard let end = end(id, owner) else { return try await store.response(id, owner: owner) }
        return end.response
    }

    /// Returns the events after `number` that are only in memory.
    func events(of id: String, owner: String, after number: Int) -> [JSON] {
        (end(id, owner)?.events ?? []).filter { $0["sequence_number"]?.intValue ?? 0 > number }
    }

    private func end(_ id: String, _ owner: String) -> End? {
        ends.withLock { $0[id] }.flatMap { $0.owner == owner ? $0 : nil }
    }
}
