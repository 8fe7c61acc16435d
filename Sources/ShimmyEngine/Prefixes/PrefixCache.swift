/// A change of the KV cache that the runner performs before a batch. Changes are performed in order.
package enum CacheOperation: Sendable, Equatable {
    /// Makes the empty slot `to` share the beginning of `from`, in the same cells.
    case share(from: Int, to: Int, length: PrefixLength)
    /// Keeps only the beginning of a slot.
    case truncate(slot: Int, length: PrefixLength)
    /// Saves a slot's units and cells to the prefix store, if there is a store with room.
    case save(slot: Int, units: [PromptUnit], adapters: AdapterSet)
    /// Fills an empty slot with the beginning of the stored prefix that was found for a sequence.
    case restore(sequence: SequenceID, slot: Int, length: PrefixLength)
}

/// The point where a prompt diverges from the longest prefix in the cache. It explains why no more of the prompt was reused.
package struct Divergence: Sendable, Equatable {
    /// The index of the prompt's first unit that is not in the cache.
    package let index: Int
    /// The unit that the cache contains at this index.
    package let cached: PromptUnit

    package init(index: Int, cached: PromptUnit) {
        self.index = index
        self.cached = cached
    }
}

/// The bookkeeping of prefixes in cells: which prefixes are cached, which slots use them, and which are evicted when cells or slots run out.
///
/// A slot is busy while a sequence runs in it; afterwards it is idle and keeps its units for later sequences with the same prefix. A new sequence
/// shares the longest prefix of any slot, busy or idle, that was computed with the same adapters. Sharing neither computes nor copies a cell.
///
/// Recurrent and hybrid models can reuse a prefix only as a whole. For them a sequence leaves checkpoints where others will probably diverge from
/// it: separate slots that share its state at that point, which llama.cpp copies when the sequence continues.
struct PrefixCache {
    private struct Slot {
        var busy = false
        /// The time of its last use, by `clock`. The idle slot with the smallest value is evicted first.
        var lastUse = 0
        var isSaved = false
        /// Whether the slot exists to be shared. A sequence that continues a checkpoint leaves it unchanged.
        var isCheckpoint = false
        /// The position from which on all its units are still cached, in models that discard tokens before an attention window.
        var firstPosition = 0
    }

    /// The slot and the cached units that a sequence starts with.
    struct Placement: Equatable {
        var slot: Int
        /// The number of units that need not be computed.
        var cached: Int
        var operations: [CacheOperation]
        /// The point where the units diverge from the cached ones; nil where they only extend them.
        var divergence: Divergence?
        /// Whether an idle prefix was evicted for it.
        var evicts = false
        /// Whether the cached units still have to be restored.
        var restores = false
    }

    private var tree: PrefixTree
    private var slots: [Slot]
    private var clock = 0
    private let limits: RunnerLimits
    private let saves: Bool
    /// The min number of units worth saving. Recomputing fewer is faster than reading them.
    static let minSavedUnits = 64

    /// Creates an empty cache.
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

    /// The number of cells that running sequences use. All other cells can be evicted.
    var busyCells: Int { tree.cells { self.slots[$0].busy } }

    /// Returns how many units of a new sequence are in cells, and how many of these are in use by running sequences anyway.
    /// - limit: the max number of units to return; less than the number of units of `prompt`.
    func known(of prompt: Prompt, with adapters: AdapterSet, atMost limit: Int? = nil) -> (cached: Int, busy: Int) {
        let found = tree.longestMatch(prompt.units, with: adapters)
        guard let match = usable(prompt, with: adapters, found, atMost: limit ?? prompt.count - 1) else { return (0, 0) }
        return (match.count, slots[match.slot].busy ? match.count : 0)
    }

    // MARK: Starting and ending sequences

    /// Takes a slot for `prompt` and shares the longest known prefix with it; nil when all slots are busy.
    /// - limit: the max number of units that may be known. At least the last unit is left to compute, since its logits are needed.
    /// - restorable: how many of the units can be restored from the disk instead.
    mutating func acquire(for prompt: Prompt, with adapters: AdapterSet = .none, atMost limit: Int? = nil, restorable: Int = 0) -> Placement? {
        guard hasIdleSlot else { return nil }
        let found = tree.longestMatch(prompt.units, with: adapters)
        let match = usable(prompt, with: adapters, found, atMost: limit ?? prompt.count - 1)
        var placement = acquire(for: prompt, adapters, match, restorable: restorable)
        if let found, let next = found.next, found.count < prompt.count { placement?.divergence = Divergence(index: found.count, cached: next) }
        return placement
    }

    /// Returns whether restoring `restorable` units is worthwhile when `cached` units are already in cells.
    static func isWorthRestoring(_ restorable: Int, besides cached: Int) -> Bool { restorable >= cached + minSavedUnits }

    private mutating func acquire(for prompt: Prompt, _ adapters: AdapterSet, _ match: PrefixTree.Match?, restorable: Int) -> Placement? {
        if let match { touch(match.slot) }
        if Self.isWorthRestoring(restorable, besides: match?.count ?? 0) {
            return takeForRestore(for: prompt.units.prefix(restorable), adapters, sparing: match?.slot)
        }
        let length = prompt.length(of: match?.count ?? 0)
        if let match, !slots[match.slot].busy, mayContinue(match) {
            return take(match.slot, cached: match.count, operations: truncation(match.slot, to: length))
        }
        guard let slot = slotToOverwrite(sparing: match?.slot) else { return nil }
        if match?.slot == slot { return take(slot, cached: length.cells, operations: truncation(slot, to: length)) }
        var operations = truncation(slot, to: 0)
        let evicts = !operations.isEmpty
        tree.dedicate(slot: slot, to: adapters)
        if let match {
            share(from: match.slot, to: slot, count: match.count)
            operations.append(.share(from: match.slot, to: slot, length: length))
        }
        var placement = take(slot, cached: length.cells, operations: operations)
        placement.evicts = evicts
        return placement
    }

    /// Takes and empties a slot for units that will be restored; nil when all slots are busy.
    private mutating func takeForRestore(for units: ArraySlice<PromptUnit>, _ adapters: AdapterSet, sparing spared: Int?) -> Placement? {
        guard let slot = slotToOverwrite(sparing: spared) else { return nil }
        let operations = truncation(slot, to: 0)
        tree.dedicate(slot: slot, to: adapters)
        tree.append(units, to: slot)
        var placement = take(slot, cached: units.count, operations: operations)
        placement.evicts = !operations.isEmpty
        placement.restores = true
        return placement
    }

    private func usable(_ prompt: Prompt, with adapters: AdapterSet, _ match: PrefixTree.Match?, atMost limit: Int) -> PrefixTree.Match? {
        guard limits.canRewind else { return tree.longestWhole(prompt.units, with: adapters, atMost: limit) }
        guard var match else { return nil }
        match.count = prompt.boundary(atMost: min(match.count, limit))
        let position = prompt.length(of: match.count).positions
        return match.count > 0 && limits.hasWindow(before: position, from: slots[match.slot].firstPosition) ? match : nil
    }

    mutating func note(firstPositions positions: [Int]) {
        for (slot, position) in zip(slots.indices, positions) { slots[slot].firstPosition = position }
    }

    private mutating func share(from source: Int, to slot: Int, count: Int) {
        tree.share(from: source, to: slot, count: count)
        slots[slot].firstPosition = slots[source].firstPosition
    }

    /// Marks a slot as used now, so that frequently shared prefixes stay.
    private mutating func touch(_ slot: Int) {
        clock += 1
        slots[slot].lastUse = clock
    }

    /// Returns whether an idle slot may be continued in place because hardly any of its units are lost, as in the next turn of a conversation.
    private func mayContinue(_ match: PrefixTree.Match) -> Bool {
        match.count + 1 >= tree.count(slot: match.slot) && !slots[match.slot].isCheckpoint
    }

    /// Returns the idle slot to overwrite: an empty one, else the least recently used one, and the match's own slot last of all. Nil when all slots
    /// are busy.
    private func slotToOverwrite(sparing spared: Int?) -> Int? {
        func rank(_ slot: Int) -> (Int, Int) {
            if tree.count(slot: slot) == 0 { return (0, 0) }
            return slot == spared ? (2, 0) : (1, slots[slot].lastUse)
        }
        return slots.indices.filter { !slots[$0].busy }.min { rank($0) < rank($1) }
    }

    private mutating func truncation(_ slot: Int, to length: PrefixLength) -> [CacheOperation] {
        let count = length.cells
        guard tree.count(slot: slot) > count else { return [] }
        let saving = count == 0 ? save(slot: slot) : nil
        tree.truncate(slot: slot, to: count)
        if count == 0 { slots[slot].firstPosition = 0 }
        return (saving.map { [$0] } ?? []) + [.truncate(slot: slot, length: length)]
    }

    private mutating func take(_ slot: Int, cached: Int, operations: [CacheOperation]) -> Placement {
        slots[slot].busy = true
        slots[slot].isSaved = false
        slots[slot].isCheckpoint = false
        return Placement(slot: slot, cached: cached, operations: operations)
    }

    mutating func didCompute(slot: Int, units: ArraySlice<PromptUnit>) { tree.append(units, to: slot) }

    /// Keeps the current state of a slot in a separate slot, if there is an idle one. Returns the operations for it.
    /// - length: the length of the slot.
    mutating func addCheckpoint(of slot: Int, length: PrefixLength) -> [CacheOperation] {
        let units = tree.units(slot: slot)
        let adapters = tree.adapters(slot: slot)
        clock += 1
        let candidates = slots.indices.filter { $0 != slot && tree.count(slot: $0) == units.count && tree.adapters(slot: $0) == adapters }
        if let same = candidates.first(where: { tree.units(slot: $0) == units }) {
            slots[same].lastUse = max(slots[same].lastUse, clock)
            return []
        }
        guard let checkpoint = slotToOverwrite(sparing: nil) else { return [] }
        let operations = truncation(checkpoint, to: 0)
        slots[checkpoint] = Slot(busy: false, lastUse: clock, isCheckpoint: true)
        share(from: slot, to: checkpoint, count: units.count)
        return operations + [.share(from: slot, to: checkpoint, length: length)]
    }

    /// Makes a slot idle. Its units stay for later sequences.
    mutating func release(slot: Int) {
        precondition(slots[slot].busy)
        clock += 1
        slots[slot] = Slot(busy: false, lastUse: clock, firstPosition: slots[slot].firstPosition)
    }

    // MARK: Making room

    /// Empties the least recently used idle slot; nil when all idle slots are empty. Cells that other slots share stay in use, so callers
    /// repeat the call until there is room.
    mutating func evict() -> [CacheOperation]? {
        let idle = slots.indices.filter { !slots[$0].busy && tree.count(slot: $0) > 0 }
        return idle.min { slots[$0].lastUse < slots[$1].lastUse }.map { truncation($0, to: 0) }
    }

    /// Discards all units of a slot without saving them. Returns the operation that empties the runner's slot.
    mutating func empty(slot: Int) -> CacheOperation {
        tree.truncate(slot: slot, to: 0)
        return .truncate(slot: slot, length: 0)
    }

    // MARK: Saving

    /// Returns the operation that saves the next idle prefix that is worth saving and not saved yet; nil for none.
    mutating func nextToSave() -> CacheOperation? {
        for slot in slots.indices where !slots[slot].busy {
            if let operation = save(slot: slot) { return operation }
        }
        return nil
    }

    private mutating func save(slot: Int) -> CacheOperation? {
        guard saves, !slots[slot].busy, !slots[slot].isSaved, tree.count(slot: slot) >= Self.minSavedUnits else { return nil }
        slots[slot].isSaved = true
        return .save(slot: slot, units: tree.units(slot: slot), adapters: tree.adapters(slot: slot))
    }

    // MARK: Reporting

    /// Returns the runs of cells that slots share.
    /// - owners: the owners of running sequences by their slot.
    func segments(ownedBy owners: [Int: String]) -> [CellSegment] { tree.segments(ownedBy: owners) }

    var isConsistent: Bool { tree.isConsistent }
}
