import ShimmyJSON
import ShimmyStorage
import Synchronization

/// Ends of responses that the storage would not take. They are told from memory, and kept as soon as that is possible.
final class UnkeptEnds: Sendable {
    private struct End {
        let owner: String
        /// Nil for a response that is to be gone.
        let response: StoredResponse?
        let events: [JSON]
    }

    private static let interval: Duration = .seconds(1)

    private let ends = Mutex<[String: End]>([:])
    private let store: Store

    init(store: Store) { self.store = store }

    /// - response: what became of it; nil when it is to be gone.
    /// - events: the last ones.
    /// - keep: tried until it does not throw.
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

    /// Somebody has deleted it.
    func forget(_ id: String) { ends.withLock { $0[id] = nil } }

    /// A response as clients may see it; nil if there is none.
    func response(_ id: String, owner: String) async throws -> StoredResponse? {
        guard let end = end(id, owner) else { return try await store.response(id, owner: owner) }
        return end.response
    }

    /// The events after a number that are in memory alone.
    func events(of id: String, owner: String, after number: Int) -> [JSON] {
        (end(id, owner)?.events ?? []).filter { $0["sequence_number"]?.intValue ?? 0 > number }
    }

    private func end(_ id: String, _ owner: String) -> End? {
        ends.withLock { $0[id] }.flatMap { $0.owner == owner ? $0 : nil }
    }
}
