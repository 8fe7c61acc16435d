import Synchronization

/// The pulls of this process that run, by the addresses that continue them.
package final class RunningPulls: Sendable {
    /// The number of pulls of an address. A second one ends soon, because the first one has its files.
    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    func begin(_ address: String) { counts.withLock { $0[address, default: 0] += 1 } }

    func end(_ address: String) {
        counts.withLock { counts in
            let remaining = (counts[address] ?? 0) - 1
            counts[address] = remaining > 0 ? remaining : nil
        }
    }

    func contains(_ address: String) -> Bool { counts.withLock { $0[address] != nil } }
}
