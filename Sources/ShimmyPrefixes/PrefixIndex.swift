import ShimmyCore
import ShimmyEngine

/// An index of the prefixes that are known to be on the disk. Lookups do not wait for the disk.
struct PrefixIndex {
    private struct Entry {
        let units: [PromptUnit]
        let bytes: Int
    }

    /// The prefixes by key, then by the names of their files.
    private var entries: [PrefixKey: [String: Entry]] = [:]

    /// Returns the prefix that saves most units, and the one with the smallest file among equals; nil for none. Without `partially`, only a prefix
    /// that is used completely counts.
    func longestMatch(_ prompt: Prompt, _ key: PrefixKey, partially: Bool) -> PrefixMatch? {
        var best: PrefixMatch?
        for (name, entry) in entries[key] ?? [:] {
            let common = entry.units.countInCommon(with: prompt.units)
            let count = prompt.boundary(atMost: min(common, prompt.count - 1))
            guard count > 0, partially || (common == entry.units.count && common == count) else { continue }
            if let best, (count, -entry.bytes) <= (best.count, -best.bytes) { continue }
            best = PrefixMatch(name: name, key: key, bytes: entry.bytes, count: count)
        }
        return best
    }

    func contains(_ name: String, _ key: PrefixKey) -> Bool { entries[key]?[name] != nil }

    /// Returns the names of the other prefixes that `units` begin with.
    func names(coveredBy units: [PromptUnit], _ key: PrefixKey, except name: String) -> [String] {
        (entries[key] ?? [:]).filter { $0.key != name && units.starts(with: $0.value.units) }.map(\.key)
    }

    mutating func insert(_ name: String, _ key: PrefixKey, units: [PromptUnit], bytes: Int) {
        entries[key, default: [:]][name] = Entry(units: units, bytes: bytes)
    }

    mutating func remove(_ name: String, _ key: PrefixKey) { entries[key]?[name] = nil }

    /// Removes all prefixes with other names.
    mutating func keep(only names: Set<String>) {
        entries = entries.mapValues { files in files.filter { names.contains($0.key) } }
    }
}
