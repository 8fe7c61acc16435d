/// A deterministic automaton over characters, built from regular expressions, with intersection and complement.
struct CharacterAutomaton: Sendable, Hashable {
    struct Edge: Sendable, Hashable {
        var range: ClosedRange<UInt32>
        var target: Int
    }

    /// The max number of states of one automaton.
    static let maximumStates = 10_000

    /// The edges of each state, disjoint and in order of their ranges. State 0 is the start.
    private(set) var edges: [[Edge]]
    /// The label of each accepting state; nil for a state that does not accept.
    private(set) var labels: [Int?]

    init(edges: [[Edge]], labels: [Int?]) {
        self.edges = edges
        self.labels = labels
    }

    /// Builds an automaton from a start state and a step function.
    ///
    /// - step: returns all edges of a state.
    /// Throws `GrammarTextError` when the automaton has more than `maximumStates` states or the budget is used up.
    init<State: Hashable>(
        start: State, budget: GrammarBudget, label: (State) -> Int?,
        step: (State) throws(GrammarTextError) -> [(ClosedRange<UInt32>, State)]
    ) throws(GrammarTextError) {
        var states = [start]
        var numbers = [start: 0]
        edges = []
        labels = []
        var index = 0
        while index < states.count {
            if index.isMultiple(of: 64) { try budget.check() }
            var found: [Edge] = []
            for (range, next) in try step(states[index]) {
                let number = numbers[next] ?? states.count
                if number == states.count {
                    numbers[next] = number
                    states.append(next)
                }
                if let last = found.last, last.target == number, last.range.upperBound + 1 == range.lowerBound {
                    found[found.count - 1].range = last.range.lowerBound...range.upperBound
                } else {
                    found.append(Edge(range: range, target: number))
                }
            }
            edges.append(found)
            labels.append(label(states[index]))
            index += 1
            if states.count > Self.maximumStates {
                throw GrammarTextError("it needs an automaton of more than \(Self.maximumStates) states", isLimit: true)
            }
        }
        trim()
    }

    /// Whether the automaton accepts no text.
    var isEmpty: Bool { labels.allSatisfy { $0 == nil } }

    /// Returns the label with which the automaton accepts `text`; nil when it does not accept.
    func label(of text: String) -> Int? {
        var state = 0
        for scalar in text.unicodeScalars {
            guard let edge = edges[state].first(where: { $0.range.contains(scalar.value) }) else { return nil }
            state = edge.target
        }
        return labels[state]
    }

    func accepts(_ text: String) -> Bool { label(of: text) != nil }

    // MARK: Combinations

    func intersection(_ other: CharacterAutomaton, _ budget: GrammarBudget) throws(GrammarTextError) -> CharacterAutomaton {
        try CharacterAutomaton(start: [0, 0], budget: budget) {
            labels[$0[0]] != nil && other.labels[$0[1]] != nil ? 0 : nil
        } step: { pair in
            var found: [(ClosedRange<UInt32>, [Int])] = []
            let (left, right) = (edges[pair[0]], other.edges[pair[1]])
            var (first, second) = (0, 0)
            while first < left.count, second < right.count {
                let (one, two) = (left[first], right[second])
                if one.range.overlaps(two.range) { found.append((one.range.clamped(to: two.range), [one.target, two.target])) }
                if one.range.upperBound < two.range.upperBound { first += 1 } else { second += 1 }
            }
            return found
        }
    }

    func complement(_ budget: GrammarBudget) throws(GrammarTextError) -> CharacterAutomaton {
        let sink = edges.count
        return try CharacterAutomaton(start: 0, budget: budget) {
            $0 == sink || labels[$0] == nil ? 0 : nil
        } step: { state in
            if state == sink { return [(0...0x10FFFF, sink)] }
            let rest = ScalarSet(edges[state].map(\.range)).inverted.ranges
            return (edges[state].map { ($0.range, $0.target) } + rest.map { ($0, sink) }).sorted { $0.0.lowerBound < $1.0.lowerBound }
        }
    }

    /// Returns an automaton that accepts exactly `texts`, each with the label 0.
    static func any(of texts: [String], _ budget: GrammarBudget) throws(GrammarTextError) -> CharacterAutomaton {
        try CharacterAutomaton([.choice(texts.map { .literal($0) })], budget)
    }

    /// Removes states that cannot reach an accepting state, and the edges to them.
    private mutating func trim() {
        var isUseful = labels.map { $0 != nil }
        var sources = [[Int]](repeating: [], count: edges.count)
        for (state, found) in edges.enumerated() { for edge in found { sources[edge.target].append(state) } }
        var open = labels.indices.filter { labels[$0] != nil }
        while let state = open.popLast() {
            for source in sources[state] where !isUseful[source] {
                isUseful[source] = true
                open.append(source)
            }
        }
        isUseful[0] = true
        guard isUseful.contains(false) else { return }
        var numbers = [Int](repeating: -1, count: edges.count)
        var count = 0
        for state in edges.indices where isUseful[state] {
            numbers[state] = count
            count += 1
        }
        labels = labels.indices.filter { isUseful[$0] }.map { labels[$0] }
        edges = edges.indices.filter { isUseful[$0] }.map { state in
            edges[state].compactMap { numbers[$0.target] < 0 ? nil : Edge(range: $0.range, target: numbers[$0.target]) }
        }
    }

    /// A copy with the edges of each state in order of their ranges.
    var sorted: CharacterAutomaton {
        CharacterAutomaton(edges: edges.map { $0.sorted { $0.range.lowerBound < $1.range.lowerBound } }, labels: labels)
    }

    func relabelled(_ change: (Int) -> Int) -> CharacterAutomaton { CharacterAutomaton(edges: edges, labels: labels.map { $0.map(change) }) }

    /// A copy without states that cannot reach an accepting state.
    var trimmed: CharacterAutomaton {
        var copy = self
        copy.trim()
        return copy
    }

    /// An automaton that accepts the same texts except the empty one.
    var withoutEmptyText: CharacterAutomaton {
        let moved = edges.map { $0.map { Edge(range: $0.range, target: $0.target + 1) } }
        return CharacterAutomaton(edges: [moved[0]] + moved, labels: [nil] + labels)
    }

    // MARK: From expressions

    /// Builds an automaton for an expression that refers to no rules.
    init(_ expression: Grammar.Expression, _ budget: GrammarBudget) throws(GrammarTextError) { try self.init([expression], budget) }

    /// Builds an automaton that accepts the texts of any of `expressions`.
    private init(_ expressions: [Grammar.Expression], _ budget: GrammarBudget) throws(GrammarTextError) {
        var parts = ExpressionNodes(budget)
        var ends: [Int32] = []
        for expression in expressions { ends.append(try parts.add(expression, from: 0)) }
        try self.init(parts) { state in ends.contains { state.contains($0) } ? 0 : nil }
    }

    /// - label: returns the label of a set of nodes, given in ascending order.
    init(_ nodes: consuming ExpressionNodes, label: ([Int32]) -> Int?) throws(GrammarTextError) {
        let made = nodes
        var size = 0
        try self.init(start: made.closure([0]), budget: made.budget, label: label) { state throws(GrammarTextError) in
            size += state.count
            try made.budget.check(memory: size * 16)
            return try made.step(state)
        }
    }
}

// MARK: - Smaller automata

extension CharacterAutomaton {
    /// Returns an automaton that accepts every text except `texts`, with the label 0: a trie of the texts, and one state for all other texts.
    static func allBut(_ texts: [String]) -> CharacterAutomaton {
        var children: [[UInt32: Int]] = [[:]]
        var isText = [false]
        for text in texts {
            var state = 0
            for scalar in text.unicodeScalars {
                if let next = children[state][scalar.value] {
                    state = next
                } else {
                    children[state][scalar.value] = children.count
                    state = children.count
                    children.append([:])
                    isText.append(false)
                }
            }
            isText[state] = true
        }
        let others = children.count
        var edges = children.map { found in
            let known = found.map { Edge(range: $0.key...$0.key, target: $0.value) }
            let rest = ScalarSet(known.map(\.range)).inverted.ranges.map { Edge(range: $0, target: others) }
            return (known + rest).sorted { $0.range.lowerBound < $1.range.lowerBound }
        }
        edges.append([Edge(range: 0...0x10FFFF, target: others)])
        return CharacterAutomaton(edges: edges, labels: isText.map { $0 ? nil : 0 } + [0])
    }

    /// The text that the automaton accepts; nil unless it accepts exactly one.
    var onlyText: String? {
        var text = String.UnicodeScalarView()
        var state = 0
        for _ in edges.indices {
            if labels[state] != nil { return edges[state].isEmpty ? String(text) : nil }
            guard edges[state].count == 1, let edge = edges[state].first, edge.range.count == 1,
                let scalar = Unicode.Scalar(edge.range.lowerBound)
            else { return nil }
            text.append(scalar)
            state = edge.target
        }
        return nil
    }

    /// The equivalent automaton with the fewest states (Moore's algorithm: split classes of states until all states of a class have the same steps).
    var minimized: CharacterAutomaton {
        // Few rounds suffice, except for long chains, which minimization hardly shrinks.
        guard edges.count <= 3000 else { return self }
        var classes = labels.map { ($0 ?? -1) + 1 }
        var count = Set(classes).count
        for _ in 0..<64 {
            var numbers: [[Int]: Int] = [:]
            var next: [Int] = []
            for (state, found) in edges.enumerated() {
                var signature = [classes[state]]
                for edge in found {
                    let target = classes[edge.target]
                    // Adjacent ranges with the same target count as one range.
                    if signature.count > 3, signature[signature.count - 1] == target, signature[signature.count - 2] + 1 == Int(edge.range.lowerBound)
                    {
                        signature[signature.count - 2] = Int(edge.range.upperBound)
                    } else {
                        signature += [Int(edge.range.lowerBound), Int(edge.range.upperBound), target]
                    }
                }
                let number = numbers[signature] ?? numbers.count
                numbers[signature] = number
                next.append(number)
            }
            classes = next
            if numbers.count == count { return merged(classes, count) }
            count = numbers.count
        }
        return self
    }

    private func merged(_ classes: [Int], _ count: Int) -> CharacterAutomaton {
        if count == edges.count { return self }
        // The start's class is 0, because classes are numbered in the order of states.
        var made = [[Edge]?](repeating: nil, count: count)
        var marks = [Int?](repeating: nil, count: count)
        for (state, found) in edges.enumerated() where made[classes[state]] == nil {
            made[classes[state]] = found.map { Edge(range: $0.range, target: classes[$0.target]) }
            marks[classes[state]] = labels[state]
        }
        return CharacterAutomaton(edges: made.map { $0 ?? [] }, labels: marks)
    }
}
