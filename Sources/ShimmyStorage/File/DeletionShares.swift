/// Decides which owners lose records when the storage is full.
package enum DeletionShares {
    /// Returns the number of bytes by which each owner's records are reduced. The owners with the highest usage end with equal shares, and
    /// the others keep their records. Owners that lose nothing are absent.
    /// - usage: bytes used by each owner.
    package static func reductions(of usage: [String: Int], by bytes: Int) -> [String: Int] {
        guard bytes > 0 else { return [:] }
        let sorted = usage.values.sorted(by: >)
        // The share to which the largest owners are cut, lowered owner by owner until enough bytes are free.
        var (level, sum) = (0.0, 0.0)
        for (count, value) in sorted.enumerated() {
            sum += Double(value)
            let next = count + 1 < sorted.count ? Double(sorted[count + 1]) : 0
            level = max(0, (sum - Double(bytes)) / Double(count + 1))
            if level >= next { break }
        }
        return usage.compactMapValues { value in
            let excess = (Double(value) - level).rounded(.up)
            return excess > 0 ? Int(min(excess, Double(value))) : nil
        }
    }
}
