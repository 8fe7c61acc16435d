import ShimmyCore

/// The turns of adapter sets. llama.cpp applies adapters to a whole step, so sequences with different adapters cannot share one.
struct AdapterTurns {
    /// The work that one step may compute.
    struct Turn {
        var adapters: AdapterSet
        /// Whether the step computes prompts. In other turns only streams continue.
        var prefills = true
        /// Whether prompts are being computed or waiting, in this turn or in another one.
        var hasPrompts = false
        /// The number of other sets with streams. Their turns take `otherSeconds` in total, which is part of the gap between two tokens of any
        /// stream.
        var otherSets: Int { otherForced.count }
        var otherSeconds = 0.0
        /// For each of these sets, the number of forced tokens that are not computed yet.
        var otherForced: [Int] = []
    }

    /// The max number of sets that run at the same time; the others wait. With more sets, turns would be so rare that every stream would stall.
    static let maxSets = 8

    /// The time of each set's last turn, by `clock`. Only sets with work have an entry.
    private var last: [AdapterSet: Int] = [:]
    private var clock = 0

    /// Returns the candidate whose last turn is longest ago, the first of equals; nil without candidates.
    /// - present: all sets with work. Other sets are forgotten.
    mutating func next(of candidates: [AdapterSet], present: Set<AdapterSet>) -> AdapterSet? {
        last = last.filter { present.contains($0.key) }
        guard let next = candidates.min(by: { last[$0, default: 0] < last[$1, default: 0] }) else { return nil }
        clock += 1
        last[next] = clock
        return next
    }
}

extension Scheduler {
    /// Chooses the adapter set of the next step and the work that the step may compute. Sets with streams take turns of one token each. Prompts are
    /// computed only in the turns of the set whose prompt comes first by the usual order, so the least served owner is served next, whatever
    /// adapters other owners request.
    mutating func nextTurn(flex: Bool) -> AdapterTurns.Turn {
        let sequences = (running + waiting).filter { $0.isFlex == flex }
        guard let first = sequences.first else { return .init(adapters: .none) }
        let present = Set(sequences.map(\.adapters))
        guard present.count > 1 else {
            let hasPrompts = sequences.contains { !$0.isDecoding }
            return .init(adapters: turns.next(of: [first.adapters], present: present) ?? .none, hasPrompts: hasPrompts)
        }
        let streams = Dictionary(grouping: running.filter { $0.isDecoding && $0.isFlex == flex }, by: \.adapters)
        let leader = prefillLeader(flex: flex)
        // In order of arrival, so that the choice between equals does not depend on hash values.
        var candidates: [AdapterSet] = []
        for sequence in sequences where streams[sequence.adapters] != nil || sequence.adapters == leader {
            if !candidates.contains(sequence.adapters) { candidates.append(sequence.adapters) }
        }
        guard let next = turns.next(of: candidates, present: present) else { return .init(adapters: first.adapters) }
        let others = streams.filter { $0.key != next }.values
        return .init(
            adapters: next, prefills: leader == nil || next == leader, hasPrompts: leader != nil,
            otherSeconds: others.reduce(0) { $0 + (time.decodeSeconds(rows: $1.count) ?? 0) },
            otherForced: others.map { $0.reduce(0) { $0 + max(0, $1.pendingCount - 1) } })
    }

    /// Returns the adapters of the first prompt that can continue or start; nil when there is none.
    private mutating func prefillLeader(flex: Bool) -> AdapterSet? {
        var isFull = false
        for id in prefillOrder(flex: flex) {
            if let sequence = running.first(where: { $0.id == id }) { return sequence.adapters }
            guard !isFull, let index = waiting.firstIndex(where: { $0.id == id }), !awaitsPrefill(index) else { continue }
            if canStart(waiting[index]) { return waiting[index].adapters }
            isFull = true
        }
        return nil
    }

    /// Returns whether a sequence's adapter set may take turns, given the limit on sets.
    func canTakeTurns(_ candidate: SequenceState) -> Bool {
        // Flex sequences take no turns while there is other work.
        let sets = Set(running.filter { candidate.isFlex || !$0.isFlex }.map(\.adapters))
        return sets.contains(candidate.adapters) || sets.count < AdapterTurns.maxSets
    }
}
