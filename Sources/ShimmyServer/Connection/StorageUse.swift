import ShimmyStorage
import Synchronization

/// The bytes of the storage by owner. All records are read for them, so that the numbers are kept for some seconds.
final class StorageUse: Sendable {
    private static let interval = Duration.seconds(5)

    private let last = Mutex<(numbers: [String: Int], time: ContinuousClock.Instant)?>(nil)

    /// Returns the bytes of the owners that use the most; the last known ones if the storage does not answer.
    func byOwner(_ store: Store) async -> [String: Int] {
        let now = ContinuousClock.now
        let known = last.withLock { $0 }
        if let known, now - known.time < Self.interval { return known.numbers }
        guard let numbers = try? await store.usedBytesByOwner(most: OwnerTable.most) else { return known?.numbers ?? [:] }
        last.withLock { $0 = (numbers, now) }
        return numbers
    }
}
