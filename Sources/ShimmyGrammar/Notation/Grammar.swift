// What a text may be, and which tokens can come next: grammars, regular expressions and JSON Schemas over a vocabulary of byte strings.
// Knows bytes and tokens; nothing of models, conversations or HTTP.

/// Rules that describe a set of texts; the first text is what `root` describes.
struct Grammar: Sendable, Equatable {
    indirect enum Expression: Sendable, Equatable {
        /// A text, byte by byte.
        case literal([UInt8])
        /// One character of a set.
        case set(ScalarSet)
        case rule(String)
        /// A control token, by its text.
        case control(String)
        case sequence([Expression])
        case choice([Expression])
        /// - most: nil for any number.
        case repeated(Expression, least: Int, most: Int?)
        /// Texts that a deterministic automaton accepts.
        case automaton(CountedAutomaton)
        /// Members of an object in any order.
        case unordered(UnorderedMembers)

        static let empty = Expression.sequence([])
    }

    var rules: [String: Expression]
    var root = "root"

    /// The least set of rules that a condition holds for, where it depends on the rules in that set.
    func leastRules(_ budget: GrammarBudget, _ holds: (Expression, Set<String>) -> Bool) throws(GrammarTextError) -> Set<String> {
        var known: Set<String> = []
        // A rule is looked at again when the condition turns out to hold for one that it names.
        var users: [String: [String]] = [:]
        for (name, body) in rules { for used in body.ruleNames { users[used, default: []].append(name) } }
        try budget.check()
        var open = Array(rules.keys)
        var count = 0
        while let name = open.popLast() {
            count += 1
            if count.isMultiple(of: 1024) { try budget.check() }
            guard !known.contains(name), let body = rules[name], holds(body, known) else { continue }
            known.insert(name)
            open += users[name] ?? []
        }
        return known
    }
}

/// An automaton over characters whose texts have a bounded length: the length is counted beside the states while a text is read.
struct CountedAutomaton: Sendable, Equatable {
    /// A label is a place in `exits`.
    var automaton: CharacterAutomaton
    /// Whether the characters stand in a JSON string, with escapes.
    var isInString = false
    /// Characters.
    var least = 0
    var most: Int?
    /// The rule that follows where the automaton accepts with a label; nil where the text of the automaton ends.
    var exits: [String?] = [nil]

    /// Whether lengths are counted.
    var isCounted: Bool { least > 0 || most != nil }
}
