/// Decides whose records go when the storage is full.
package enum FairShare {
    /// Returns by how many bytes each owner's records are reduced, so that those that use most end with the same share and the others keep
    /// what they have. Owners that lose nothing are absent.
    /// - usage: bytes of each owner.
    package static func reductions(of usage: [String: Int], by bytes: Int) -> [String: Int] {
        guard bytes > 0 else { return [:] }
        let sorted = usage.values.sorted(by: >)
        // The share to which the largest are cut: lowered owner by owner until enough is free.
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
