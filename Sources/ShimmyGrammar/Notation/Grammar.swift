// The module compiles grammars, regular expressions and JSON Schemas for a vocabulary of byte strings, and computes the tokens that may come next in
// a text. It knows bytes and tokens, but not models, conversations or HTTP.

/// The rules of a grammar. A text fits the grammar when it fits the rule `root`.
package struct Grammar: Sendable, Hashable {
    indirect enum Expression: Sendable, Hashable {
        /// The bytes of a text.
        case literal([UInt8])
        /// One character of a set.
        case set(ScalarSet)
        case rule(String)
        /// A control token, by its text.
        case control(String)
        case sequence([Expression])
        case choice([Expression])
        /// - most: the max number of repetitions; nil for unbounded.
        case repeated(Expression, least: Int, most: Int?)
        /// The texts that a deterministic automaton accepts.
        case automaton(CountedAutomaton)
        /// The members of an object, in any order.
        case unordered(UnorderedMembers)

        static let empty = Expression.sequence([])
    }

    var rules: [String: Expression]
    var root = "root"

    /// Returns the smallest set of rules that satisfies a condition, where the condition of a rule depends on the rules in the set.
    func leastRules(_ budget: GrammarBudget, _ holds: (Expression, Set<String>) -> Bool) throws(GrammarTextError) -> Set<String> {
        var known: Set<String> = []
        // Test a rule again when a rule that it refers to joins the set.
        var users: [String: [String]] = [:]
        for (name, body) in rules { for used in body.ruleNames { users[used, default: []].append(name) } }
        try budget.check()
        var open = Array(rules.keys)
        var count = 0
        while let name = open.popLast() {
            count += 1
            // A rule can be long, and each rule that it refers to tests it again.
            if count.isMultiple(of: 16) { try budget.check() }
            guard !known.contains(name), let body = rules[name], holds(body, known) else { continue }
            known.insert(name)
            open += users[name] ?? []
        }
        return known
    }
}

/// An automaton over characters whose texts have a bounded length. A counter beside the state tracks the length while a text is read.
struct CountedAutomaton: Sendable, Hashable {
    /// The automaton; its labels are indices in `exits`.
    var automaton: CharacterAutomaton
    /// Whether the characters are in a JSON string, with escapes.
    var isInString = false
    /// The min length in characters; `most` is the max length, nil for unbounded.
    var least = 0
    var most: Int?
    /// The rule that follows the automaton's text, by the label with which the automaton accepts; nil where nothing follows.
    var exits: [String?] = [nil]

    /// Whether the length is bounded, so that characters must be counted.
    var isCounted: Bool { least > 0 || most != nil }
}
