import Synchronization

/// Counts the bytes of the texts that inspections keep.
package final class InspectionMemory: Sendable {
    /// The max bytes of all texts together.
    package static let defaultLimit = 64 << 20

    private let limit: Int
    private let used = Atomic(0)

    init(limit: Int) { self.limit = limit }

    /// Reserves bytes. Returns false if the limit does not allow it.
    func reserve(_ count: Int) -> Bool {
        if used.wrappingAdd(count, ordering: .relaxed).newValue <= limit { return true }
        release(count)
        return false
    }

    func release(_ count: Int) { used.wrappingSubtract(count, ordering: .relaxed) }

    /// Returns whether the limit allows further bytes.
    func hasRoom(for count: Int) -> Bool { used.load(ordering: .relaxed) <= limit - count }
}
