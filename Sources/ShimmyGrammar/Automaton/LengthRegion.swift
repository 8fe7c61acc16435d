/// Part of a program that reads the texts of an automaton whose lengths are bounded: a count beside the automaton's states.
///
/// For each count, `allows` knows the states from which a text of a permitted length can still be completed, so that no text runs into a
/// dead end.
struct LengthRegion: Sendable {
    /// Counts for which the sets of states are kept.
    private static let maximumRows = 20_000

    /// The node of the automaton's first state; the others follow it.
    let firstNode: Int32
    let least: Int
    let most: Int?
    private let words: Int
    /// Sets of states for the last counts up to `top`, from there on downwards; the last one holds for all lower counts down to `least`.
    private var upper: [[UInt64]] = []
    /// Sets of states for the counts below `least`, downwards; the last one holds for all lower counts.
    private var lower: [[UInt64]] = []

    /// The highest count that is told apart.
    var top: Int { most ?? least }

    /// - top: the number of counts is that of counters in a state, see `GrammarStates`.
    init(_ counted: CountedAutomaton, firstNode: Int32, _ budget: GrammarBudget) throws(GrammarTextError) {
        self.firstNode = firstNode
        (least, most) = (counted.least, counted.most)
        let edges = counted.automaton.edges.map { Set($0.map(\.target)).sorted() }
        let words = (edges.count + 63) / 64
        self.words = words
        var accepting = [UInt64](repeating: 0, count: words)
        for (state, label) in counted.automaton.labels.enumerated() where label != nil { accepting[state / 64] |= 1 << (UInt64(state) % 64) }
        /// The states that accept, or have an edge to one of the next row's.
        func row(before next: [UInt64]?, accepts: Bool) -> [UInt64] {
            var result = accepts ? accepting : [UInt64](repeating: 0, count: words)
            guard let next else { return result }
            for (state, targets) in edges.enumerated() where targets.contains(where: { next[$0 / 64] >> (UInt64($0) % 64) & 1 == 1 }) {
                result[state / 64] |= 1 << (UInt64(state) % 64)
            }
            return result
        }
        if most == nil {
            // Without a bound above, every state of a trimmed automaton leads to an end.
            upper = [[UInt64](repeating: ~0, count: words)]
        } else {
            upper = [row(before: nil, accepts: true)]
            try Self.fill(&upper, count: top - least, budget) { row(before: $0, accepts: true) }
        }
        guard least > 0, let last = upper.last else { return }
        lower = [row(before: last, accepts: false)]
        try Self.fill(&lower, count: least - 1, budget) { row(before: $0, accepts: false) }
    }

    /// Adds rows until they repeat or `count` have been added.
    private static func fill(
        _ rows: inout [[UInt64]], count: Int, _ budget: GrammarBudget, _ make: ([UInt64]) -> [UInt64]
    ) throws(GrammarTextError) {
        while rows.count <= count {
            let next = make(rows[rows.count - 1])
            if next == rows[rows.count - 1] { return }
            rows.append(next)
            if rows.count.isMultiple(of: 16) { try budget.check() }
            if rows.count > maximumRows || rows.count * next.count > 1 << 21 {
                throw GrammarTextError("the length of such a text cannot be bounded", isLimit: true)
            }
        }
    }

    /// Whether a text of a permitted length can be completed from a state after `count` characters.
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

    /// The count after one more character; nil when it exceeds the bound.
    func next(_ count: Int) -> Int? {
        guard let most else { return min(count + 1, least) }
        return count < most ? count + 1 : nil
    }

    /// A count that allows the same texts of up to `horizon` characters.
    func near(_ count: Int, horizon: Int) -> Int {
        if count < least {
            // All counts that are reached have the same set.
            return count + horizon < least - lower.count ? 0 : count
        }
        guard most != nil else { return least }
        return count + horizon < top - upper.count + 1 ? least : count
    }
}
