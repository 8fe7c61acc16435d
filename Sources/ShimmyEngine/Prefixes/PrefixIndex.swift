import ShimmyCore

/// A stored prefix that a prompt begins with, or with a part of it.
package struct PrefixMatch: Sendable, Equatable {
    let name: String
    let key: PrefixKey
    /// Of the file.
    let bytes: Int
    /// How many of the prompt's tokens need not be computed.
    package let count: Int
}

/// Which prefixes lie on the disk, as far as is known: what is asked of them does not wait for it.
struct PrefixIndex {
    private struct Entry {
        let tokens: [Token]
        let bytes: Int
    }

    /// By what they were computed with, then by the names of their files.
    private var entries: [PrefixKey: [String: Entry]] = [:]

    /// The most useful prefix, of several the one that is read soonest. Without `partially` only one that is used whole counts.
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

    /// The other prefixes that these tokens begin with.
    func names(coveredBy tokens: [Token], _ key: PrefixKey, except name: String) -> [String] {
        (entries[key] ?? [:]).filter { $0.key != name && tokens.starts(with: $0.value.tokens) }.map(\.key)
    }

    mutating func insert(_ name: String, _ key: PrefixKey, tokens: [Token], bytes: Int) {
        entries[key, default: [:]][name] = Entry(tokens: tokens, bytes: bytes)
    }

    mutating func remove(_ name: String, _ key: PrefixKey) { entries[key]?[name] = nil }

    /// Forgets all others.
    mutating func keep(only names: Set<String>) {
        entries = entries.mapValues { files in files.filter { names.contains($0.key) } }
    }
}
