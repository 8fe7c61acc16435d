/// Finds the expressions that match the empty text, and builds expressions for their other texts.
///
/// A repeated expression must not be empty: a program could repeat it endlessly without reading anything.
struct NonEmpty {
    private var rules: [String: Grammar.Expression]
    private let emptyRules: Set<String>
    /// Rules that have a name but no body yet, with the rules they derive from.
    private var pending: [(name: String, source: String)] = []
    private var names = 0
    private let budget: GrammarBudget

    init(_ grammar: Grammar, _ budget: GrammarBudget) throws(GrammarTextError) {
        rules = grammar.rules
        self.budget = budget
        emptyRules = try grammar.leastRules(budget, Self.canBeEmpty)
    }

    /// Returns the body of a rule of the grammar, or of a rule that `part` has named.
    mutating func body(of rule: String) throws(GrammarTextError) -> Grammar.Expression {
        while let next = pending.popLast() {
            rules[next.name] = .choice([])
            rules[next.name] = try part(of: rules[next.source] ?? .choice([])) ?? .choice([])
        }
        return rules[rule] ?? .choice([])
    }

    func canBeEmpty(_ expression: Grammar.Expression) -> Bool { Self.canBeEmpty(expression, emptyRules) }

    private static func canBeEmpty(_ expression: Grammar.Expression, _ known: Set<String>) -> Bool {
        switch expression {
        case .literal(let bytes): bytes.isEmpty
        case .set, .control, .unordered: false
        case .rule(let name): known.contains(name)
        case .sequence(let parts): parts.allSatisfy { canBeEmpty($0, known) }
        case .choice(let parts): parts.contains { canBeEmpty($0, known) }
        case .repeated(let body, let least, _): least == 0 || canBeEmpty(body, known)
        case .automaton(let counted):
            if let label = counted.automaton.labels[0], counted.least == 0 { counted.exits[label].map(known.contains) ?? true } else { false }
        }
    }

    /// Returns an expression for the same texts except the empty one; nil when there are no other texts.
    mutating func part(of expression: Grammar.Expression) throws(GrammarTextError) -> Grammar.Expression? {
        guard canBeEmpty(expression) else { return expression }
        switch expression {
        case .literal, .set, .control, .unordered: return nil
        case .rule(let name):
            let other = name + "?"
            if rules[other] == nil {
                rules[other] = .choice([])
                pending.append((other, name))
            }
            return .rule(other)
        case .choice(let parts):
            var rest: [Grammar.Expression] = []
            for part in parts { if let found = try self.part(of: part) { rest.append(found) } }
            return rest.isEmpty ? nil : .choice(rest)
        case .sequence(let parts): return try part(ofSequence: parts)
        case .repeated(let body, _, let most):
            guard most != 0, let rest = try part(of: body) else { return nil }
            return .repeated(rest, least: 1, most: most)
        case .automaton(let counted):
            var other = counted
            other.automaton = counted.automaton.withoutEmptyText
            var choices: [Grammar.Expression] = [.automaton(other)]
            if let label = counted.automaton.labels[0], let exit = counted.exits[label], let rest = try part(of: .rule(exit)) {
                choices.append(rest)
            }
            return .choice(choices)
        }
    }

    /// Returns the texts of a sequence except the empty one: for each index, the parts before it are empty, the part at the index is not, and all
    /// later parts follow. Each index gets rules of its own.
    private mutating func part(ofSequence parts: [Grammar.Expression]) throws(GrammarTextError) -> Grammar.Expression? {
        var later: Grammar.Expression?
        var rest = Grammar.Expression.empty
        for (index, element) in parts.enumerated().reversed() {
            if index.isMultiple(of: 256) { try budget.check() }
            var choices: [Grammar.Expression] = []
            if let begun = try part(of: element) { choices.append(.sequence([begun, rest])) }
            if let later { choices.append(later) }
            later = choices.isEmpty ? nil : choices.count == 1 ? choices[0] : named(.choice(choices))
            rest = index == 0 ? rest : named(.sequence([element, rest]))
        }
        return later
    }

    private mutating func named(_ body: Grammar.Expression) -> Grammar.Expression {
        names += 1
        let name = "?\(names)"
        rules[name] = body
        return .rule(name)
    }
}
