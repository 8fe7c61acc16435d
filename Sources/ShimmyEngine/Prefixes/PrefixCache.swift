package import ShimmyCore

/// A change of the KV cache that comes before a batch. Performed in order.
package enum CacheOperation: Sendable, Equatable {
    /// `to` is empty and shall hold the first `count` tokens of `from`, in the same cells.
    case share(from: Int, to: Int, count: Int)
    /// Keep the first `count` tokens of a slot.
    case truncate(slot: Int, count: Int)
    /// Keep what a slot holds beyond the process, if there is a place for it.
    case save(slot: Int, tokens: [Token], adapters: AdapterSet)
    /// An empty slot shall hold the first `count` tokens of the stored prefix that was found for a sequence.
    case restore(sequence: SequenceID, slot: Int, count: Int)
}

/// Where a prompt parts from the longest prefix in the cache: why not more of it was reused.
package struct Divergence: Sendable, Equatable {
    /// Of the prompt's first token that is not in the cache.
    package let index: Int
    /// What the cache has there.
    package let cached: Token

    package init(index: Int, cached: Token) {
        self.index = index
        self.cached = cached
    }
}

/// Which token prefixes live in the cells, who uses them, and what goes when cells or slots run out.
///
/// A slot is busy while a sequence runs in it; afterwards it is idle and keeps its tokens for whoever comes with the same prefix.
/// A new sequence shares the longest prefix that any slot holds, busy or idle, without computing or copying a cell: of those slots that were
/// computed with the same adapters.
///
/// Recurrent and hybrid models know a prefix as a whole only. For them a sequence leaves checkpoints where others will probably part
/// from it: slots of their own that share its state at that place, which llama.cpp copies when the sequence goes on.
struct PrefixCache {
    private struct Slot {
        var busy = false
        /// When it was last given back; the smallest is evicted first.
        var lastUse = 0
        var isSaved = false
        /// Whether it was made to be shared: what continues it leaves it as it is.
        var isCheckpoint = false
        /// From where on its tokens are all there, in models that forget what lies before a window.
        var firstPosition = 0
    }

    /// Where a sequence starts.
    struct Placement: Equatable {
        var slot: Int
        /// Tokens that need not be computed.
        var cached: Int
        var operations: [CacheOperation]
        /// Where the tokens part from what the cache holds; nil where they only go on.
        var divergence: Divergence?
        /// Whether an idle prefix was given up for it.
        var evicts = false
        /// Whether the cached tokens are still to be restored.
        var restores = false
    }

    private var tree: PrefixTree
    private var slots: [Slot]
    private var clock = 0
    private let limits: RunnerLimits
    private let saves: Bool
    /// Tokens; fewer are computed again sooner than they are read.
    static let worthSaving = 64

    /// - saves: whether prefixes are saved before they are evicted.
    init(limits: RunnerLimits, saves: Bool = false) {
        self.limits = limits
        self.saves = saves
        tree = PrefixTree(slots: limits.slots)
        slots = Array(repeating: Slot(), count: limits.slots)
    }

    var cellsUsed: Int { tree.cellsUsed }
    var hasIdleSlot: Bool { slots.contains { !$0.busy } }
    var busyCount: Int { slots.count { $0.busy } }
    func count(slot: Int) -> Int { tree.count(slot: slot) }
    func adapters(slot: Int) -> AdapterSet { tree.adapters(slot: slot) }

    /// Cells that running sequences hold; all others can be evicted.
    var busyCells: Int { tree.cells { self.slots[$0].busy } }

    /// How many tokens of a new sequence lie in cells, and how many of those running sequences hold anyway.
    /// - limit: fewer tokens than there are.
    func known(of tokens: [Token], with adapters: AdapterSet, atMost limit: Int? = nil) -> (cached: Int, busy: Int) {
        let found = tree.longestMatch(tokens, with: adapters)
        guard let match = usable(tokens, with: adapters, found, atMost: limit ?? tokens.count - 1) else { return (0, 0) }
        return (match.count, slots[match.slot].busy ? match.count : 0)
    }

    // MARK: Starting and ending sequences

    /// Takes a slot for `tokens` and brings the longest known prefix into it; nil when all are busy.
    /// - limit: tokens that may be known; at least the last is left to compute, since its logits are what is wanted.
    /// - restorable: how many of the tokens could be restored instead.
    mutating func acquire(for tokens: [Token], with adapters: AdapterSet = .none, atMost limit: Int? = nil, restorable: Int = 0) -> Placement? {
        guard hasIdleSlot else { return nil }
        let found = tree.longestMatch(tokens, with: adapters)
        let match = usable(tokens, with: adapters, found, atMost: limit ?? tokens.count - 1)
        var placement = acquire(for: tokens, adapters, match, restorable: restorable)
        if let found, let next = found.next, found.count < tokens.count { placement?.divergence = Divergence(index: found.count, cached: next) }
        return placement
    }

    /// Whether to restore so many tokens where so many are in cells already.
    static func isWorthRestoring(_ restorable: Int, besides cached: Int) -> Bool { restorable >= cached + worthSaving }

    private mutating func acquire(for tokens: [Token], _ adapters: AdapterSet, _ match: PrefixTree.Match?, restorable: Int) -> Placement? {
        if let match { touch(match.slot) }
        if Self.isWorthRestoring(restorable, besides: match?.count ?? 0) {
            return makePlace(for: Array(tokens.prefix(restorable)), adapters, sparing: match?.slot)
        }
        if let match, !slots[match.slot].busy, mayContinue(match) {
            return take(match.slot, cached: match.count, operations: truncation(match.slot, to: match.count))
        }
        guard let slot = slotToOverwrite(sparing: match?.slot) else { return nil }
        if match?.slot == slot { return take(slot, cached: match!.count, operations: truncation(slot, to: match!.count)) }
        var operations = truncation(slot, to: 0)
        let evicts = !operations.isEmpty
        tree.dedicate(slot: slot, to: adapters)
        if let match {
            share(from: match.slot, to: slot, count: match.count)
            operations.append(.share(from: match.slot, to: slot, count: match.count))
        }
        var placement = take(slot, cached: match?.count ?? 0, operations: operations)
        placement.evicts = evicts
        return placement
    }

    /// An emptied slot for tokens that will be restored.
    private mutating func makePlace(for tokens: [Token], _ adapters: AdapterSet, sparing spared: Int?) -> Placement? {
        guard let slot = slotToOverwrite(sparing: spared) else { return nil }
        let operations = truncation(slot, to: 0)
        tree.dedicate(slot: slot, to: adapters)
        tree.append(tokens, to: slot)
        var placement = take(slot, cached: tokens.count, operations: operations)
        placement.evicts = !operations.isEmpty
        placement.restores = true
        return placement
    }

    private func usable(_ tokens: [Token], with adapters: AdapterSet, _ match: PrefixTree.Match?, atMost limit: Int) -> PrefixTree.Match? {
        guard limits.canRewind else { return tree.longestWhole(tokens, with: adapters, atMost: limit) }
        guard var match else { return nil }
        match.count = min(match.count, limit)
        return match.count > 0 && limits.hasWindow(before: match.count, from: slots[match.slot].firstPosition) ? match : nil
    }

    mutating func note(firstPositions positions: [Int]) {
        for (slot, position) in zip(slots.indices, positions) { slots[slot].firstPosition = position }
    }

    private mutating func share(from source: Int, to slot: Int, count: Int) {
        tree.share(from: source, to: slot, count: count)
        slots[slot].firstPosition = slots[source].firstPosition
    }

    /// What is shared again and again stays.
    private mutating func touch(_ slot: Int) {
        clock += 1
        slots[slot].lastUse = clock
    }

    /// An idle slot is continued in place when hardly anything is lost: a conversation that goes on.
    private func mayContinue(_ match: PrefixTree.Match) -> Bool {
        match.count + 1 >= tree.count(slot: match.slot) && !slots[match.slot].isCheckpoint
    }

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
        let saving = count == 0 ? save(slot: slot) : nil
        tree.truncate(slot: slot, to: count)
        if count == 0 { slots[slot].firstPosition = 0 }
        return (saving.map { [$0] } ?? []) + [.truncate(slot: slot, count: count)]
    }

    private mutating func take(_ slot: Int, cached: Int, operations: [CacheOperation]) -> Placement {
        slots[slot].busy = true
        slots[slot].isSaved = false
        slots[slot].isCheckpoint = false
        return Placement(slot: slot, cached: cached, operations: operations)
    }

    mutating func didCompute(slot: Int, tokens: [Token]) { tree.append(tokens, to: slot) }

    /// Keeps what a slot holds now in a slot of its own, where there is an idle one.
    mutating func addCheckpoint(of slot: Int) -> [CacheOperation] {
        let tokens = tree.tokens(slot: slot)
        let adapters = tree.adapters(slot: slot)
        clock += 1
        let alike = slots.indices.filter { $0 != slot && tree.count(slot: $0) == tokens.count && tree.adapters(slot: $0) == adapters }
        if let same = alike.first(where: { tree.tokens(slot: $0) == tokens }) {
            slots[same].lastUse = max(slots[same].lastUse, clock)
            return []
        }
        guard let place = slotToOverwrite(sparing: nil) else { return [] }
        let operations = truncation(place, to: 0)
        slots[place] = Slot(busy: false, lastUse: clock, isCheckpoint: true)
        share(from: slot, to: place, count: tokens.count)
        return operations + [.share(from: slot, to: place, count: tokens.count)]
    }

    /// Gives a slot back; what it holds stays for later sequences.
    mutating func release(slot: Int) {
        precondition(slots[slot].busy)
        clock += 1
        slots[slot] = Slot(busy: false, lastUse: clock, firstPosition: slots[slot].firstPosition)
    }

    // MARK: Making room

    /// Empties the idle slot that was used least recently; nil when none holds anything.
    /// Cells that others share stay; callers ask again until there is room.
    mutating func evict() -> [CacheOperation]? {
        let idle = slots.indices.filter { !slots[$0].busy && tree.count(slot: $0) > 0 }
        return idle.min { slots[$0].lastUse < slots[$1].lastUse }.map { truncation($0, to: 0) }
    }

    /// Gives up everything that a slot holds.
    mutating func empty(slot: Int) -> CacheOperation {
        tree.truncate(slot: slot, to: 0)
        return .truncate(slot: slot, count: 0)
    }

    // MARK: Saving

    /// The next idle prefix that is worth saving and is not saved yet.
    mutating func nextToSave() -> CacheOperation? {
        for slot in slots.indices where !slots[slot].busy {
            if let operation = save(slot: slot) { return operation }
        }
        return nil
    }

    private mutating func save(slot: Int) -> CacheOperation? {
        guard saves, !slots[slot].busy, !slots[slot].isSaved, tree.count(slot: slot) >= Self.worthSaving else { return nil }
        slots[slot].isSaved = true
        return .save(slot: slot, tokens: tree.tokens(slot: slot), adapters: tree.adapters(slot: slot))
    }

    var isConsistent: Bool { tree.isConsistent }
}
