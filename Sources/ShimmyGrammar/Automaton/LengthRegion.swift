/// A part of a program that reads the texts of an automaton with bounded lengths. A counter beside the automaton's state tracks the length.
///
/// For each count, `allows` knows the states from which a text of a permitted length can still be completed, so that no text enters a dead end.
struct LengthRegion: Sendable {
    /// The max number of counts with a stored set of states.
    private static let maximumRows = 20_000

    /// The node of the automaton's first state; the nodes of the other states follow it.
    let firstNode: Int32
    let least: Int
    let most: Int?
    private let words: Int
    /// The allowed states for each count, as bit sets, from `top` downwards; the last set applies to all lower counts down to `least`.
    private var upper: [[UInt64]] = []
    /// The allowed states for each count below `least`, as bit sets, downwards; the last set applies to all lower counts.
    private var lower: [[UInt64]] = []

    /// The highest count that is distinguished from others: the max length, or the min length where there is no max.
    var top: Int { most ?? least }

    /// Computes the sets of states for all counts. `GrammarStates` numbers the counts from 0 to `top` as its counters.
    ///
    /// Throws `GrammarTextError` when the sets exceed a limit or the budget is used up.
    init(_ counted: CountedAutomaton, firstNode: Int32, _ budget: GrammarBudget) throws(GrammarTextError) {
        self.firstNode = firstNode
        (least, most) = (counted.least, counted.most)
        let edges = counted.automaton.edges.map { Set($0.map(\.target)).sorted() }
        let words = (edges.count + 63) / 64
        self.words = words
        var accepting = [UInt64](repeating: 0, count: words)
        for (state, label) in counted.automaton.labels.enumerated() where label != nil { accepting[state / 64] |= 1 << (UInt64(state) % 64) }
        /// Returns the states with an edge to a state of the next row, and the accepting states if `accepts` is true.
        func row(before next: [UInt64]?, accepts: Bool) -> [UInt64] {
            var result = accepts ? accepting : [UInt64](repeating: 0, count: words)
            guard let next else { return result }
            for (state, targets) in edges.enumerated() where targets.contains(where: { next[$0 / 64] >> (UInt64($0) % 64) & 1 == 1 }) {
                result[state / 64] |= 1 << (UInt64(state) % 64)
            }
            return result
        }
        if most == nil {
            // Without a max length, every state of a trimmed automaton leads to an accepting state.
            upper = [[UInt64](repeating: ~0, count: words)]
        } else {
            upper = [row(before: nil, accepts: true)]
            try Self.fill(&upper, count: top - least, budget) { row(before: $0, accepts: true) }
        }
        guard least > 0, let last = upper.last else { return }
        lower = [row(before: last, accepts: false)]
        try Self.fill(&lower, count: least - 1, budget) { row(before: $0, accepts: false) }
    }

    /// Adds rows until a row repeats or `count` rows have been added.
    private static func fill(
        _ rows: inout [[UInt64]], count: Int, _ budget: GrammarBudget, _ make: ([UInt64]) -> [UInt64]
    ) throws(GrammarTextError) {
        while rows.count <= count {
            let next = make(rows[rows.count - 1])
            if next == rows[rows.count - 1] { return }
            rows.append(next)
            if rows.count.isMultiple(of: 16) { try budget.check() }
            if rows.count > maximumRows || rows.count * next.count > 1 << 21 {
                throw GrammarTextError("a length limit cannot be enforced for this pattern", isLimit: true)
            }
        }
    }

    /// Whether a text of a permitted length can be completed from `state` after `count` characters.
    func allows(_ state: Int, count: Int) -> Bool {
        let row: [UInt64]
        if count >= least {
            if most == nil { return true }
            guard count <= top else { return false }
            row = upper[min(top - count, upper.count - 1)]
        } else {
            row = lower[min(least - 1 - count, lower.count - 1)]
        }
        return row[state / 64] >> (UInt64(state) % 64) & 1 == 1
    }

    /// Returns the count after one more character; nil when it exceeds the max length.
    func next(_ count: Int) -> Int? {
        guard let most else { return min(count + 1, least) }
        return count < most ? count + 1 : nil
    }

    /// Returns a count that allows the same texts of up to `horizon` characters.
    func near(_ count: Int, horizon: Int) -> Int {
        if count < least {
            // The next `horizon` counts all use the last set.
            return count + horizon < least - lower.count ? 0 : count
        }
        guard most != nil else { return least }
        return count + horizon < top - upper.count + 1 ? least : count
    }
}
