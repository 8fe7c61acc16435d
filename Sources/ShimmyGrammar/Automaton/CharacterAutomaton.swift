/// A deterministic machine over characters: what regular expressions describe, to be cut, joined and turned round, which grammars cannot.
struct CharacterAutomaton {
    typealias Edge = (range: ClosedRange<UInt32>, target: Int)

    /// States of one machine; what needs more is refused.
    static let maximumStates = 4000

    /// Each state's edges, disjoint and in order. The first state is the start.
    private(set) var edges: [[Edge]]
    private(set) var accepts: [Bool]

    private init(edges: [[Edge]], accepts: [Bool]) {
        self.edges = edges
        self.accepts = accepts
    }

    /// Explores a machine that is given by its steps.
    /// - step: all edges of a state.
    /// Throws `GrammarTextError` when it has too many states.
    init<State: Hashable>(
        start: State, accepts: (State) -> Bool, step: (State) -> [(ClosedRange<UInt32>, State)]
    ) throws(GrammarTextError) {
        var states = [start]
        var numbers = [start: 0]
        edges = []
        self.accepts = []
        var index = 0
        while index < states.count {
            var found: [Edge] = []
            for (range, next) in step(states[index]) {
                let number = numbers[next] ?? states.count
                if number == states.count {
                    numbers[next] = number
                    states.append(next)
                }
                found.append((range, number))
            }
            edges.append(found)
            self.accepts.append(accepts(states[index]))
            index += 1
            if states.count > Self.maximumStates { throw GrammarTextError("it needs a machine of more than \(Self.maximumStates) states") }
        }
        trim()
    }

    /// Whether nothing is accepted.
    var isEmpty: Bool { !accepts.contains(true) }

    func accepts(_ text: String) -> Bool {
        var state = 0
        for scalar in text.unicodeScalars {
            guard let edge = edges[state].first(where: { $0.range.contains(scalar.value) }) else { return false }
            state = edge.target
        }
        return accepts[state]
    }

    // MARK: Combinations

    func intersection(_ other: CharacterAutomaton) throws(GrammarTextError) -> CharacterAutomaton {
        try CharacterAutomaton(start: [0, 0]) {
            accepts[$0[0]] && other.accepts[$0[1]]
        } step: { pair in
            var found: [(ClosedRange<UInt32>, [Int])] = []
            for left in edges[pair[0]] {
                for right in other.edges[pair[1]] where left.range.overlaps(right.range) {
                    found.append((left.range.clamped(to: right.range), [left.target, right.target]))
                }
            }
            return found
        }
    }

    var complement: CharacterAutomaton {
        get throws(GrammarTextError) {
            let sink = edges.count
            return try CharacterAutomaton(start: 0) {
                $0 == sink || !accepts[$0]
            } step: { state in
                if state == sink { return [(0...0x10FFFF, sink)] }
                let known = edges[state].sorted { $0.range.lowerBound < $1.range.lowerBound }
                let rest = ScalarSet(known.map(\.range)).inverted.ranges
                return known.map { ($0.range, $0.target) } + rest.map { ($0, sink) }
            }
        }
    }

    /// All texts of some lengths, in characters.
    static func lengths(_ least: Int, _ most: Int?) throws(GrammarTextError) -> CharacterAutomaton {
        try CharacterAutomaton(start: 0) {
            $0 >= least
        } step: { count in
            if count == most { return [] }
            return [(0...0x10FFFF, most == nil && count == least ? count : count + 1)]
        }
    }

    static func any(of texts: some Sequence<String>) throws(GrammarTextError) -> CharacterAutomaton {
        try CharacterAutomaton(.choice(texts.map { .literal($0) }))
    }

    /// Takes away the states from which nothing is accepted.
    private mutating func trim() {
        var isUseful = accepts
        var sources = [[Int]](repeating: [], count: edges.count)
        for (state, found) in edges.enumerated() { for edge in found { sources[edge.target].append(state) } }
        var open = accepts.indices.filter { accepts[$0] }
        while let state = open.popLast() {
            for source in sources[state] where !isUseful[source] {
                isUseful[source] = true
                open.append(source)
            }
        }
        for state in edges.indices { edges[state].removeAll { !isUseful[$0.target] } }
    }

    // MARK: From and to expressions

    /// Of an expression that names no rules.
    init(_ expression: Grammar.Expression) throws(GrammarTextError) {
        var parts = Parts()
        let end = try parts.add(expression, from: parts.node())
        let made = parts
        try self.init(start: made.closure([0])) {
            $0.contains(end)
        } step: {
            made.step($0)
        }
    }

    /// The machine as rules, one for each state; returns the first one's name.
    /// - character: one character of a set, as it is to be written.
    /// - name: a new rule's name.
    func rules(character: (ScalarSet) -> Grammar.Expression, name: () -> String) -> [(name: String, body: Grammar.Expression)] {
        let names = edges.map { _ in name() }
        return edges.indices.map { state in
            let targets = Dictionary(grouping: edges[state], by: \.target).sorted { $0.key < $1.key }
            var choices = targets.map { target, edges in
                Grammar.Expression.sequence([character(ScalarSet(edges.map(\.range))), .rule(names[target])])
            }
            if accepts[state] { choices.append(.empty) }
            return (names[state], .choice(choices))
        }
    }
}

/// The machine of an expression before it is made deterministic.
private struct Parts {
    private static let maximumNodes = 20_000

    private var steps: [[(ScalarSet, Int)]] = []
    private var links: [[Int]] = []

    mutating func node() throws(GrammarTextError) -> Int {
        if steps.count >= Self.maximumNodes { throw GrammarTextError("it needs a machine of more than \(Self.maximumNodes) nodes") }
        steps.append([])
        links.append([])
        return steps.count - 1
    }

    mutating func add(_ expression: Grammar.Expression, from: Int) throws(GrammarTextError) -> Int {
        switch expression {
        case .literal(let bytes):
            var end = from
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars { end = try add(.set(ScalarSet(scalar)), from: end) }
            return end
        case .set(let set):
            let end = try node()
            steps[from].append((set, end))
            return end
        case .sequence(let parts):
            var end = from
            for part in parts { end = try add(part, from: end) }
            return end
        case .choice(let parts):
            let end = try node()
            for part in parts {
                let begin = try node()
                links[from].append(begin)
                links[try add(part, from: begin)].append(end)
            }
            return end
        case .repeated(let body, let least, let most):
            var end = from
            for _ in 0..<least { end = try add(body, from: end) }
            let out = try node()
            if let most {
                for _ in least..<most {
                    links[end].append(out)
                    end = try add(body, from: end)
                }
            } else {
                let head = try node()
                links[end].append(head)
                links[try add(body, from: head)].append(head)
                end = head
            }
            links[end].append(out)
            return out
        case .rule, .control: throw GrammarTextError("an expression that names others is no regular expression")
        }
    }

    func closure(_ nodes: Set<Int>) -> Set<Int> {
        var result = nodes
        var open = Array(nodes)
        while let node = open.popLast() {
            for next in links[node] where result.insert(next).inserted { open.append(next) }
        }
        return result
    }

    func step(_ nodes: Set<Int>) -> [(ClosedRange<UInt32>, Set<Int>)] {
        var borders: Set<UInt32> = []
        let edges = nodes.flatMap { steps[$0] }
        for (set, _) in edges { for range in set.ranges { borders.formUnion([range.lowerBound, range.upperBound + 1]) } }
        let sorted = borders.sorted()
        return zip(sorted, sorted.dropFirst()).compactMap { low, next in
            let targets = edges.filter { $0.0.contains(low) }.map(\.1)
            return targets.isEmpty ? nil : (low...(next - 1), closure(Set(targets)))
        }
    }
}
