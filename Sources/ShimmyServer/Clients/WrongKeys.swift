import Synchronization

/// Counts wrong keys by address, so that a client cannot try many keys. An address with too many wrong keys in a minute has to wait for the end of
/// the minute, even with a right key: otherwise the answer would still tell wrong and right keys apart.
package final class WrongKeys: Sendable {
    private struct Count {
        var number = 0
        let began: ContinuousClock.Instant
    }

    private static let window = Duration.seconds(60)

    private let limit: Int
    private let capacity: Int
    private let counts = Mutex<[IPAddress: Count]>([:])

    /// - limit: the max number of wrong keys of an address in a minute.
    /// - capacity: the max number of addresses to remember. Beyond it, the address with the oldest minute is forgotten.
    package init(limit: Int, capacity: Int = 4096) {
        self.limit = limit
        self.capacity = max(1, capacity)
    }

    /// Returns the number of seconds that an address has to wait before its next key is checked; nil if it need not wait.
    package func wait(of address: String?, now: ContinuousClock.Instant = .now) -> Int? {
        guard let client = Self.client(address) else { return nil }
        return counts.withLock { counts in
            guard let count = counts[client], count.number >= limit else { return nil }
            let rest = count.began + Self.window - now
            guard rest > .zero else {
                counts[client] = nil
                return nil
            }
            return Int(rest.components.seconds) + 1
        }
    }

    /// Counts a wrong key.
    package func note(from address: String?, now: ContinuousClock.Instant = .now) {
        guard let client = Self.client(address) else { return }
        counts.withLock { counts in
            var count = counts[client] ?? Count(began: now)
            if count.began + Self.window <= now { count = Count(began: now) }
            if counts[client] == nil, counts.count >= capacity { Self.makeRoom(&counts, now) }
            count.number += 1
            counts[client] = count
        }
    }

    private static func makeRoom(_ counts: inout [IPAddress: Count], _ now: ContinuousClock.Instant) {
        let full = counts.count
        counts = counts.filter { $0.value.began + window > now }
        if counts.count == full, let oldest = counts.min(by: { $0.value.began < $1.value.began }) { counts[oldest.key] = nil }
    }

    /// Returns the key under which an address is counted; nil for this machine, where a mistake of one program must not shut out the others.
    private static func client(_ address: String?) -> IPAddress? {
        guard let address = address.flatMap({ IPAddress($0) }), !address.isLoopback else { return nil }
        return address.network
    }
}
