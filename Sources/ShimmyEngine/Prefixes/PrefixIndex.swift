import ShimmyCore

/// A stored prefix that a prompt begins with, completely or in part.
package struct PrefixMatch: Sendable, Equatable {
    let name: String
    let key: PrefixKey
    /// The size of the file, in bytes.
    let bytes: Int
    /// The number of the prompt's tokens that need not be computed.
    package let count: Int
}

/// An index of the prefixes that are known to be on the disk. Lookups do not wait for the disk.
struct PrefixIndex {
    private struct Entry {
        let tokens: [Token]
        let bytes: Int
    }

    /// The prefixes by key, then by the names of their files.
    private var entries: [PrefixKey: [String: Entry]] = [:]

    /// Returns the prefix that saves most tokens, and the one with the smallest file among equals; nil for none. Without `partially`, only a prefix
    /// that is used completely counts.
    func longestMatch(_ tokens: [Token], _ key: PrefixKey, partially: Bool) -> PrefixMatch? {
        var best: PrefixMatch?
        for (name, entry) in entries[key] ?? [:] {
            let common = entry.tokens.countInCommon(with: tokens)
            let count = min(common, tokens.count - 1)
            guard count > 0, partially || (common == entry.tokens.count && common < tokens.count) else { continue }
            if let best, (count, -entry.bytes) <= (best.count, -best.bytes) { continue }
            best = PrefixMatch(name: name, key: key, bytes: entry.bytes, count: count)
        }
        return best
    }

    func contains(_ name: String, _ key: PrefixKey) -> Bool { entries[key]?[name] != nil }

    /// Returns the names of the other prefixes that `tokens` begin with.
    func names(coveredBy tokens: [Token], _ key: PrefixKey, except name: String) -> [String] {
        (entries[key] ?? [:]).filter { $0.key != name && tokens.starts(with: $0.value.tokens) }.map(\.key)
    }

    mutating func insert(_ name: String, _ key: PrefixKey, tokens: [Token], bytes: Int) {
        entries[key, default: [:]][name] = Entry(tokens: tokens, bytes: bytes)
    }

    mutating func remove(_ name: String, _ key: PrefixKey) { entries[key]?[name] = nil }

    /// Removes all prefixes with other names.
    mutating func keep(only names: Set<String>) {
        entries = entries.mapValues { files in files.filter { names.contains($0.key) } }
    }
}
