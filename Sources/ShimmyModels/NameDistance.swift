import ShimmyCore

/// Distances between names, for suggestions after a mistyped name.
package enum NameDistance {
    private static let most = 3

    /// Returns the names that the user may have meant, closest first, at most 3.
    package static func closest(to name: String, among names: [String]) -> [String] {
        let wanted = comparable(name)
        guard !wanted.isEmpty else { return [] }
        let ranked = names.compactMap { candidate -> (name: String, distance: Int)? in
            let distance = distance(wanted, comparable(candidate))
            return distance.map { (candidate, $0) }
        }
        return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(most).map(\.name)
    }

    /// Returns the distance of two names, or nil if they differ too much for a typing mistake.
    private static func distance(_ wanted: [UInt8], _ candidate: [UInt8]) -> Int? {
        // A part of a name is close to the whole name, because the user only left something out.
        if wanted.count >= 3, candidate.firstRange(of: wanted) != nil { return 1 }
        // Users rarely type the quantization, which follows the last dot.
        let end = candidate.lastIndex(of: UInt8(ascii: ".")) ?? candidate.endIndex
        let edits = [candidate[...], candidate[..<end]].map { ShimmyCore.edits(from: wanted.prefix(100), to: $0.prefix(100)) }.min() ?? 0
        return edits <= max(2, min(wanted.count, candidate.count) / 4) ? edits : nil
    }

    private static func comparable(_ name: String) -> [UInt8] { Array(name.lowercased().utf8) }
}
