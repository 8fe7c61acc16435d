import ShimmyCore
import ShimmyStorage

/// The bytes of the storage by owner. All records are read for them, so the numbers are kept for some seconds.
final class StorageUse: Sendable {
    private let numbers = SharedMeasurement<[String: Int]>(interval: .seconds(5))

    /// Returns the bytes of the owners that use the most; the last known ones if the storage does not answer.
    func byOwner(_ store: Store) async -> [String: Int] {
        await numbers.value { try await store.usedBytesByOwner(most: OwnerTable.most) } ?? [:]
    }
}
