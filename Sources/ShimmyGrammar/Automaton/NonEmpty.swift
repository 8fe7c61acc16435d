/// Tells which expressions describe the empty text, and describes what others they describe. Something that is repeated must not be empty:
/// a machine could repeat it for ever without reading anything.
struct NonEmpty {
    private var rules: [String: Grammar.Expression]
    private let emptyRules: Set<String>

    init(_ grammar: Grammar) {
        rules = grammar.rules
        var known: Set<String> = []
        var grows = true
        while grows {
            grows = false
            for (name, body) in grammar.rules where !known.contains(name) && Self.canBeEmpty(body, known) {
                known.insert(name)
                grows = true
            }
        }
        emptyRules = known
    }

    func body(of rule: String) -> Grammar.Expression { rules[rule] ?? .choice([]) }

    func canBeEmpty(_ expression: Grammar.Expression) -> Bool { Self.canBeEmpty(expression, emptyRules) }

    private static func canBeEmpty(_ expression: Grammar.Expression, _ known: Set<String>) -> Bool {
        switch expression {
        case .literal(let bytes): bytes.isEmpty
        case .set, .control: false
        case .rule(let name): known.contains(name)
        case .sequence(let parts): parts.allSatisfy { canBeEmpty($0, known) }
        case .choice(let parts): parts.contains { canBeEmpty($0, known) }
        case .repeated(let body, let least, _): least == 0 || canBeEmpty(body, known)
        }
    }

    /// The same texts but for the empty one; nil when there are no others.
    mutating func part(of expression: Grammar.Expression) -> Grammar.Expression? {
        guard canBeEmpty(expression) else { return expression }
        switch expression {
        case .literal, .set, .control: return nil
        case .rule(let name):
            let other = name + "?"
            if rules[other] == nil {
                rules[other] = .choice([])
                rules[other] = part(of: body(of: name)) ?? .choice([])
            }
            return .rule(other)
        case .choice(let parts):
            var rest: [Grammar.Expression] = []
            for part in parts { if let found = self.part(of: part) { rest.append(found) } }
            return rest.isEmpty ? nil : .choice(rest)
        case .sequence(let parts):
            guard let first = parts.first else { return nil }
            let others = Array(parts.dropFirst())
            var choices: [Grammar.Expression] = []
            if let begun = part(of: first) { choices.append(.sequence([begun] + others)) }
            if let later = part(of: .sequence(others)) { choices.append(later) }
            return choices.isEmpty ? nil : .choice(choices)
        case .repeated(let body, _, let most):
            guard most != 0, let rest = part(of: body) else { return nil }
            return .repeated(rest, least: 1, most: most)
        }
    }
}
