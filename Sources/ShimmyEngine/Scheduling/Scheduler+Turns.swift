import ShimmyCore

/// Whose turn it is. llama.cpp applies adapters to all that a step computes, so that sequences with different ones cannot share a step.
struct AdapterTurns {
    /// What one step may compute.
    struct Turn {
        var adapters: AdapterSet
        /// Whether prompts are computed in it; in other turns streams alone go on.
        var prefills = true
        /// Whether prompts are being computed or wait, in this turn or in another one.
        var hasPrompts = false
        /// Other sets with streams, and the seconds that their turns take: they are part of the gap between two tokens of any stream.
        var otherSets: Int { otherForced.count }
        var otherSeconds = 0.0
        /// The forced tokens of each of these sets that are not computed yet.
        var otherForced: [Int] = []
    }

    /// Sets that run at the same time; more would spread the turns so thin that nobody's stream goes on. The others wait.
    static let most = 8

    /// When each set that has work was last served.
    private var last: [AdapterSet: Int] = [:]
    private var clock = 0

    /// The one of the candidates that was not served for longest; the first one of equals.
    /// - present: all sets that have work; others are forgotten.
    mutating func next(of candidates: [AdapterSet], present: Set<AdapterSet>) -> AdapterSet? {
        last = last.filter { present.contains($0.key) }
        guard let next = candidates.min(by: { last[$0, default: 0] < last[$1, default: 0] }) else { return nil }
        clock += 1
        last[next] = clock
        return next
    }
}

extension Scheduler {
    /// Sets with streams take turns, a token each. Prompts are computed in the turns of the set whose prompt comes first by the usual order, and
    /// of no other: so the owner that was served least is served next, whatever adapters others ask for.
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
        // In the order of arrival, so that equals do not depend on hashes.
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

    /// The adapters of the first prompt that can go on, or start.
    private mutating func prefillLeader(flex: Bool) -> AdapterSet? {
        var isFull = false
        for id in prefillOrder(flex: flex) {
            if let sequence = running.first(where: { $0.id == id }) { return sequence.adapters }
            guard !isFull, let place = waiting.firstIndex(where: { $0.id == id }), !awaitsPrefill(place) else { continue }
            if canStart(waiting[place]) { return waiting[place].adapters }
            isFull = true
        }
        return nil
    }

    /// Whether a sequence's adapters may be among those that take turns.
    func canTakeTurns(_ candidate: SequenceState) -> Bool {
        // Flexible work takes no turns while there is other work.
        let sets = Set(running.filter { candidate.isFlex || !$0.isFlex }.map(\.adapters))
        return sets.contains(candidate.adapters) || sets.count < AdapterTurns.most
    }
}
