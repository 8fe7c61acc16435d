import ShimmyCore

/// Remembers which tokens live in the cells of which slot, so that a new sequence can continue from a prefix
/// that an earlier one left behind, and says which idle slot to give up when cells run out.
struct SlotCache {
    private struct Entry {
        var tokens: [Token] = []
        var busy = false
        /// When the slot was last given back; the smallest is evicted first.
        var lastUse = 0
    }

    private var entries: [Entry]
    private var clock = 0
    private let canRewind: Bool
    private(set) var cellsUsed = 0

    init(slots: Int, canRewind: Bool) {
        entries = Array(repeating: Entry(), count: slots)
        self.canRewind = canRewind
    }

    /// The idle slot to continue `tokens` in, and how many of its cells can be kept; nil when all are busy.
    ///
    /// A slot is continued when most of what it holds is kept; otherwise the emptiest, then the oldest, is overwritten,
    /// so that a few shared tokens never cost somebody a long prefix.
    func bestSlot(for tokens: [Token]) -> (slot: Int, kept: Int)? {
        let idle = entries.indices.filter { !entries[$0].busy }
        let continued =
            idle
            .map { (slot: $0, kept: reusable(entries[$0].tokens, tokens)) }
            .filter { $0.kept > 0 && 2 * $0.kept >= entries[$0.slot].tokens.count }
            .max { $0.kept < $1.kept }
        if let continued { return continued }
        let overwritten = idle.min {
            (entries[$0].tokens.isEmpty ? 0 : 1, entries[$0].lastUse) < (entries[$1].tokens.isEmpty ? 0 : 1, entries[$1].lastUse)
        }
        return overwritten.map { ($0, reusable(entries[$0].tokens, tokens)) }
    }

    /// At least the last token is left to compute: its logits are what is wanted.
    private func reusable(_ cached: [Token], _ wanted: [Token]) -> Int {
        let common = zip(cached, wanted).prefix { $0 == $1 }.count
        let kept = min(common, wanted.count - 1)
        return canRewind || kept == cached.count ? kept : 0
    }

    /// The tokens kept in a slot.
    func count(slot: Int) -> Int { entries[slot].tokens.count }

    mutating func acquire(slot: Int, keeping kept: Int) {
        precondition(!entries[slot].busy)
        entries[slot].busy = true
        truncate(slot: slot, to: kept)
    }

    mutating func didCompute(slot: Int, tokens: [Token]) {
        entries[slot].tokens += tokens
        cellsUsed += tokens.count
    }

    /// Gives a slot back; what it holds stays for later sequences.
    mutating func release(slot: Int) {
        precondition(entries[slot].busy)
        clock += 1
        entries[slot].busy = false
        entries[slot].lastUse = clock
    }

    mutating func truncate(slot: Int, to count: Int) {
        let dropped = entries[slot].tokens.count - count
        precondition(dropped >= 0)
        entries[slot].tokens.removeLast(dropped)
        cellsUsed -= dropped
    }

    /// The idle slot with cells that was used least recently.
    func evictionCandidate() -> Int? {
        entries.indices
            .filter { !entries[$0].busy && !entries[$0].tokens.isEmpty }
            .min { entries[$0].lastUse < entries[$1].lastUse }
    }

    /// Whether the sums agree with the entries; checked when the engine is idle, in debug builds and in tests.
    var isConsistent: Bool { cellsUsed == entries.reduce(0) { $0 + $1.tokens.count } }
    var busyCount: Int { entries.count { $0.busy } }
}
