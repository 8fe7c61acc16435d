import ShimmyCore

/// A change of the KV cache that comes before a batch. Performed in order.
package enum CacheOperation: Sendable, Equatable {
    /// `to` is empty and shall hold the first `count` tokens of `from`, in the same cells.
    case share(from: Int, to: Int, count: Int)
    /// Keep the first `count` tokens of a slot.
    case truncate(slot: Int, count: Int)
}

/// Which token prefixes live in the cells, who uses them, and what goes when cells or slots run out.
///
/// A slot is busy while a sequence runs in it; afterwards it is idle and keeps its tokens for whoever comes with the same prefix.
/// A new sequence shares the longest prefix that any slot holds, busy or idle, without computing or copying a cell.
struct PrefixCache {
    private struct Slot {
        var busy = false
        /// When it was last given back; the smallest is evicted first.
        var lastUse = 0
    }

    /// Where a sequence starts.
    struct Placement: Equatable {
        var slot: Int
        /// Tokens that need not be computed.
        var cached: Int
        var operations: [CacheOperation]
        /// Whether an idle prefix was given up for it.
        var evicts = false
    }

    private var tree: PrefixTree
    private var slots: [Slot]
    private var clock = 0
    private let canRewind: Bool

    /// - canRewind: whether the tail of a slot can be dropped. Without it only all of a slot's tokens can be shared or kept.
    init(slots: Int, canRewind: Bool) {
        tree = PrefixTree(slots: slots)
        self.slots = Array(repeating: Slot(), count: slots)
        self.canRewind = canRewind
    }

    var cellsUsed: Int { tree.cellsUsed }
    var hasIdleSlot: Bool { slots.contains { !$0.busy } }
    var busyCount: Int { slots.count { $0.busy } }
    func count(slot: Int) -> Int { tree.count(slot: slot) }

    /// Cells that running sequences hold; all others can be evicted.
    var busyCells: Int { tree.cells { self.slots[$0].busy } }

    /// How many tokens of a new sequence lie in cells, and how many of those running sequences hold anyway.
    func known(of tokens: [Token]) -> (cached: Int, busy: Int) {
        guard let match = usable(tree.longestMatch(tokens), wanted: tokens.count) else { return (0, 0) }
        return (match.count, slots[match.slot].busy ? match.count : 0)
    }

    // MARK: Starting and ending sequences

    /// Takes a slot for `tokens` and brings the longest known prefix into it; nil when all are busy.
    /// At least the last token is left to compute: its logits are what is wanted.
    mutating func acquire(for tokens: [Token]) -> Placement? {
        guard hasIdleSlot else { return nil }
        let match = usable(tree.longestMatch(tokens), wanted: tokens.count)
        if let match, !slots[match.slot].busy, mayContinue(match) {
            return take(match.slot, cached: match.count, operations: truncation(match.slot, to: match.count))
        }
        guard let slot = slotToOverwrite(sparing: match?.slot) else { return nil }
        if match?.slot == slot { return take(slot, cached: match!.count, operations: truncation(slot, to: match!.count)) }
        var operations = truncation(slot, to: 0)
        let evicts = !operations.isEmpty
        if let match {
            tree.share(from: match.slot, to: slot, count: match.count)
            operations.append(.share(from: match.slot, to: slot, count: match.count))
        }
        var placement = take(slot, cached: match?.count ?? 0, operations: operations)
        placement.evicts = evicts
        return placement
    }

    private func usable(_ match: PrefixTree.Match?, wanted: Int) -> PrefixTree.Match? {
        guard var match else { return nil }
        match.count = min(match.count, wanted - 1)
        guard canRewind || match.count == tree.count(slot: match.slot) else { return nil }
        return match.count > 0 ? match : nil
    }

    /// An idle slot is continued in place when hardly anything is lost: a conversation that goes on.
    private func mayContinue(_ match: PrefixTree.Match) -> Bool { match.count + 1 >= tree.count(slot: match.slot) }

    /// The idle slot to use for something else: an empty one, else the one that was used least recently, the match's own last of all.
    private func slotToOverwrite(sparing spared: Int?) -> Int? {
        func rank(_ slot: Int) -> (Int, Int) {
            if tree.count(slot: slot) == 0 { return (0, 0) }
            return slot == spared ? (2, 0) : (1, slots[slot].lastUse)
        }
        return slots.indices.filter { !slots[$0].busy }.min { rank($0) < rank($1) }
    }

    private mutating func truncation(_ slot: Int, to count: Int) -> [CacheOperation] {
        guard tree.count(slot: slot) > count else { return [] }
        tree.truncate(slot: slot, to: count)
        return [.truncate(slot: slot, count: count)]
    }

    private mutating func take(_ slot: Int, cached: Int, operations: [CacheOperation]) -> Placement {
        slots[slot].busy = true
        return Placement(slot: slot, cached: cached, operations: operations)
    }

    mutating func didCompute(slot: Int, tokens: [Token]) { tree.append(tokens, to: slot) }

    /// Gives a slot back; what it holds stays for later sequences.
    mutating func release(slot: Int) {
        precondition(slots[slot].busy)
        clock += 1
        slots[slot] = Slot(busy: false, lastUse: clock)
    }

    // MARK: Making room

    /// Empties the idle slot that was used least recently; nil when none holds anything.
    /// Cells that others share stay; callers ask again until there is room.
    mutating func evict() -> CacheOperation? {
        let idle = slots.indices.filter { !slots[$0].busy && tree.count(slot: $0) > 0 }
        return idle.min { slots[$0].lastUse < slots[$1].lastUse }.map { empty(slot: $0) }
    }

    /// Gives up everything that a slot holds.
    mutating func empty(slot: Int) -> CacheOperation {
        tree.truncate(slot: slot, to: 0)
        return .truncate(slot: slot, count: 0)
    }

    var isConsistent: Bool { tree.isConsistent }
}
