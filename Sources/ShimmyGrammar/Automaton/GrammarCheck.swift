/// A check that a grammar matches at least one text and has no left recursion. It expands nothing, so it costs a small part of building the program.
package struct GrammarCheck {
    private let rules: [String: Grammar.Expression]
    private let nonEmpty: NonEmpty
    private let budget: GrammarBudget
    /// The rules that match at least one text.
    private let productive: Set<String>

    /// Returns false where only building the program can decide: the builder drops repetitions of the empty text and knows which lengths an
    /// automaton allows.
    /// Throws when the time limit is exceeded.
    static func isSurelySound(_ grammar: Grammar, budget: GrammarBudget) throws(GrammarTextError) -> Bool {
        if grammar.rules.values.contains(where: \.countsLengths) { return false }
        let check = try GrammarCheck(grammar, budget)
        guard check.productive.contains(grammar.root) else { return false }
        return try !check.hasLeftRecursion(from: grammar.root)
    }

    /// Checks rules in llama.cpp's notation (GBNF) in the same way. Also throws when the text cannot be parsed.
    package static func isSurelySound(_ text: String) throws(GrammarTextError) -> Bool {
        try isSurelySound(GBNFParser.parse(text), budget: GrammarBudget())
    }

    private init(_ grammar: Grammar, _ budget: GrammarBudget) throws(GrammarTextError) {
        self.budget = budget
        rules = grammar.rules
        nonEmpty = try NonEmpty(grammar, budget)
        productive = try grammar.leastRules(budget, Self.isProductive)
    }

    private static func isProductive(_ expression: Grammar.Expression, _ known: Set<String>) -> Bool {
        switch expression {
        case .literal, .control: true
        case .set(let set): !set.isEmpty
        case .rule(let name): known.contains(name)
        case .sequence(let parts): parts.allSatisfy { isProductive($0, known) }
        case .choice(let parts): parts.contains { isProductive($0, known) }
        case .repeated(let body, let least, let most): least == 0 || most == 0 || isProductive(body, known)
        case .automaton(let counted):
            counted.automaton.labels.contains { label in label.map { counted.exits[$0].map(known.contains) ?? true } ?? false }
        case .unordered(let members): members.isProductive(known.contains)
        }
    }

    /// Returns the rules that an expression can call before it reads anything.
    private func beginnings(_ expression: Grammar.Expression) -> [String] {
        switch expression {
        case .literal, .set, .control: return []
        case .rule(let name): return productive.contains(name) ? [name] : []
        case .sequence(let parts):
            guard parts.allSatisfy({ Self.isProductive($0, productive) }) else { return [] }
            let first = parts.firstIndex { !nonEmpty.canBeEmpty($0) } ?? parts.count - 1
            return parts.prefix(first + 1).flatMap(beginnings)
        case .choice(let parts): return parts.flatMap(beginnings)
        case .repeated(let body, _, let most): return most == 0 ? [] : beginnings(body)
        case .automaton(let counted):
            guard let label = counted.automaton.labels[0], let exit = counted.exits[label], productive.contains(exit) else { return [] }
            return [exit]
        case .unordered(let members): return members.rules.filter(productive.contains)
        }
    }

    private func hasLeftRecursion(from root: String) throws(GrammarTextError) -> Bool {
        var (open, over): (Set<String>, Set<String>) = ([], [])
        // Depth-first search from every reachable rule: a path of first calls that returns to one of its own rules is a left recursion.
        var reached = [root]
        var seen: Set<String> = [root]
        while let begin = reached.popLast() {
            if over.count.isMultiple(of: 256) { try budget.check() }
            for name in rules[begin]?.ruleNames ?? [] where seen.insert(name).inserted { reached.append(name) }
            if over.contains(begin) { continue }
            var path = [(name: begin, rest: beginnings(rules[begin] ?? .choice([]))[...])]
            open.insert(begin)
            while let (name, rest) = path.last {
                guard let next = rest.first else {
                    open.remove(name)
                    over.insert(name)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].rest = rest.dropFirst()
                if open.contains(next) { return true }
                if over.contains(next) { continue }
                open.insert(next)
                path.append((next, beginnings(rules[next] ?? .choice([]))[...]))
            }
        }
        return false
    }
}

extension Grammar.Expression {
    fileprivate var countsLengths: Bool {
        switch self {
        case .literal, .set, .control, .rule, .unordered: false
        case .sequence(let parts), .choice(let parts): parts.contains(where: \.countsLengths)
        case .repeated(let body, _, _): body.countsLengths
        case .automaton(let counted): counted.isCounted
        }
    }
}
