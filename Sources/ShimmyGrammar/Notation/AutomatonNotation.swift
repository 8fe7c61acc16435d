// The notation of automata in a grammar's text, an extension of GBNF: `@text{1,5; [a-z]>0 =}`.
//
// The min and max length come first (`0,` for no bounds). Each part after them is a state: its edges, each a set of characters (`*` for all others)
// and the number of the target state; then `=` if the automaton accepts there, with the name of the rule that follows. `@string{…}` reads the
// characters of a JSON string, with escapes.

extension CountedAutomaton {
    /// The automaton in the notation of a grammar's text.
    var text: String {
        let writer = GrammarWriter(context: .plain)
        var text = (isInString ? "@string{" : "@text{") + "\(least),\(most.map { "\($0)" } ?? "")"
        for (edges, label) in zip(automaton.edges, automaton.labels) {
            text += ";"
            var sets: [Int: [ClosedRange<UInt32>]] = [:]
            for edge in edges { sets[edge.target, default: []].append(edge.range) }
            let isTotal = ScalarSet(edges.map(\.range)) == .all
            let largest = isTotal ? sets.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key : nil
            for (target, ranges) in sets.sorted(by: { $0.key < $1.key }) {
                text += (target == largest ? "*" : writer.set(ScalarSet(ranges))) + ">\(target)"
            }
            if let label { text += "=" + (exits[label] ?? "") }
        }
        return text + "}"
    }
}

extension GBNFParser {
    /// Parses the rest of `@text{…}` or `@string{…}`.
    mutating func automaton(isInString: Bool) throws(GrammarTextError) -> CountedAutomaton {
        guard take("{") else { throw fail("a '{' is missing") }
        let least = try number() ?? 0
        guard take(",") else { throw fail("a ',' is missing") }
        let most = try number()
        if let most, most < least { throw fail("the max of a length is less than its min") }
        var states: [[(set: ScalarSet?, target: Int)]] = []
        var labels: [Int?] = []
        var exits: [String?] = []
        while take(";") {
            var edges: [(set: ScalarSet?, target: Int)] = []
            while next == "[" || next == "*" {
                var set: ScalarSet?
                if !take("*") { set = try characters() }
                guard take(">"), let target = try number() else { throw fail("a state is missing") }
                edges.append((set, target))
            }
            states.append(edges)
            guard take("=") else {
                labels.append(nil)
                continue
            }
            let exit = next == ";" || next == "}" ? nil : try name()
            if exit != nil, least > 0 || most != nil { throw fail("a text with a length limit must be the end of its automaton") }
            let label = exits.firstIndex(of: exit) ?? exits.count
            if label == exits.count { exits.append(exit) }
            labels.append(label)
        }
        guard take("}"), !states.isEmpty else { throw fail("a '}' is missing") }
        let edges = try deterministic(states)
        return CountedAutomaton(
            automaton: CharacterAutomaton(edges: edges, labels: labels).trimmed, isInString: isInString, least: least, most: most, exits: exits)
    }

    private mutating func characters() throws(GrammarTextError) -> ScalarSet {
        guard case .set(let set) = try set() else { throw fail("a set is missing") }
        return set
    }

    private func deterministic(
        _ states: [[(set: ScalarSet?, target: Int)]]
    ) throws(GrammarTextError) -> [[CharacterAutomaton.Edge]] {
        var result: [[CharacterAutomaton.Edge]] = []
        for state in states {
            let rest = ScalarSet(state.flatMap { $0.set?.ranges ?? [] }).inverted
            var edges: [CharacterAutomaton.Edge] = []
            for (set, target) in state {
                if target >= states.count { throw fail("there is no state \(target)") }
                edges += (set ?? rest).ranges.map { CharacterAutomaton.Edge(range: $0, target: target) }
            }
            edges.sort { $0.range.lowerBound < $1.range.lowerBound }
            for (one, next) in zip(edges, edges.dropFirst()) where one.range.upperBound >= next.range.lowerBound {
                throw fail("two edges of a state have the same character")
            }
            result.append(edges)
        }
        return result
    }
}
