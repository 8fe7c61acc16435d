extension Grammar {
    /// Parses a grammar in llama.cpp's notation (GBNF).
    /// - root: the name of the rule that the whole text fits.
    package init(parsing text: String, root: String = "root", budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) {
        self = try GBNFParser.parse(text, root: root, budget: budget)
    }

    /// Makes the grammar of the texts that fit one of the grammars. If there are several, the names of the rules of each get a prefix: `g0-` for the
    /// first.
    init(anyOf grammars: [Grammar]) {
        if grammars.count == 1 {
            self = grammars[0]
            return
        }
        self.init(rules: [:])
        var roots: [Expression] = []
        for (index, grammar) in grammars.enumerated() {
            let prefix = "g\(index)-"
            for (name, body) in grammar.rules { rules[prefix + name] = body.prefixingRules(with: prefix) }
            roots.append(.rule(prefix + grammar.root))
        }
        rules[root] = .choice(roots)
    }

    /// The rules in llama.cpp's notation (GBNF), sorted by name.
    package var text: String {
        let start = root == "root" ? "" : "root ::= \(root)\n"
        return start + rules.sorted { $0.key < $1.key }.map { "\($0.key) ::= \($0.value.text)\n" }.joined()
    }

    /// Returns the grammar with fixed texts around its own.
    /// - name: the name of the new root.
    package func enclosed(in opening: String, _ closing: String, root name: String) -> Grammar {
        var result = self
        result.rules[name] = .sequence([.literal(Array(opening.utf8)), .rule(root), .literal(Array(closing.utf8))])
        result.root = name
        return result
    }

    /// Returns the grammar with other grammars in place of literals.
    /// - grammars: the other grammars, by the text of the literal.
    /// Throws `GrammarTextError` if a literal does not occur, or if two rules have the same name.
    func replacing(_ grammars: [String: Grammar]) throws(GrammarTextError) -> Grammar {
        var roots: [[UInt8]: String] = [:]
        for (literal, grammar) in grammars { roots[Array(literal.utf8)] = grammar.root }
        var found: Set<[UInt8]> = []
        var result = self
        for (name, body) in rules { result.rules[name] = body.replacing(roots, &found) }
        for (literal, grammar) in grammars {
            if !found.contains(Array(literal.utf8)) { throw GrammarTextError("the literal '\(literal)' does not occur") }
            for (name, body) in grammar.rules {
                if result.rules.updateValue(body, forKey: name) != nil { throw GrammarTextError("two rules have the name '\(name)'") }
            }
        }
        return result
    }

    /// The approximate size in bytes.
    var size: Int { rules.reduce(0) { $0 + $1.key.utf8.count + $1.value.size } }
}

extension Grammar.Expression {
    /// Returns the expression with references to rules in place of literals.
    /// - roots: the names of the rules, by literal.
    /// - found: receives the literals that occur.
    fileprivate func replacing(_ roots: [[UInt8]: String], _ found: inout Set<[UInt8]>) -> Self {
        switch self {
        case .literal(let bytes):
            guard let root = roots[bytes] else { return self }
            found.insert(bytes)
            return .rule(root)
        case .sequence(let parts): return .sequence(parts.map { $0.replacing(roots, &found) })
        case .choice(let parts): return .choice(parts.map { $0.replacing(roots, &found) })
        case .repeated(let body, let least, let most): return .repeated(body.replacing(roots, &found), least: least, most: most)
        case .set, .rule, .control, .automaton, .unordered: return self
        }
    }

    /// Returns the expression with another one in place of each that equals `pattern`. A pattern that is a sequence also equals consecutive parts of
    /// a longer sequence.
    /// - followsLiteral: whether the pattern is replaced only directly after a literal.
    func replacing(_ pattern: Self, with other: Self, followsLiteral: Bool) -> Self {
        if !followsLiteral, self == pattern { return other }
        switch self {
        case .sequence(let parts):
            let replaced = parts.map { $0.replacing(pattern, with: other, followsLiteral: followsLiteral) }
            return .sequence(Self.replacing(pattern.parts, with: other.parts, in: replaced, followsLiteral: followsLiteral))
        case .choice(let parts): return .choice(parts.map { $0.replacing(pattern, with: other, followsLiteral: followsLiteral) })
        case .repeated(let body, let least, let most):
            return .repeated(body.replacing(pattern, with: other, followsLiteral: followsLiteral), least: least, most: most)
        case .literal, .set, .rule, .control, .automaton, .unordered: return self
        }
    }

    /// The parts of a sequence; the expression itself if it is not one.
    private var parts: [Self] { if case .sequence(let parts) = self { parts } else { [self] } }

    private static func replacing(_ pattern: [Self], with others: [Self], in parts: [Self], followsLiteral: Bool) -> [Self] {
        var result: [Self] = []
        var index = 0
        while index < parts.count {
            var isAllowed = !followsLiteral
            if case .literal? = result.last { isAllowed = true }
            if isAllowed, !pattern.isEmpty, parts[index...].starts(with: pattern) {
                result += others
                index += pattern.count
            } else {
                result.append(parts[index])
                index += 1
            }
        }
        return result
    }

    /// Returns the expression with a prefix before the names of the rules that it refers to.
    fileprivate func prefixingRules(with prefix: String) -> Self {
        switch self {
        case .rule(let name): return .rule(prefix + name)
        case .sequence(let parts): return .sequence(parts.map { $0.prefixingRules(with: prefix) })
        case .choice(let parts): return .choice(parts.map { $0.prefixingRules(with: prefix) })
        case .repeated(let body, let least, let most): return .repeated(body.prefixingRules(with: prefix), least: least, most: most)
        case .automaton(var counted):
            counted.exits = counted.exits.map { $0.map { prefix + $0 } }
            return .automaton(counted)
        case .unordered(let members): return .unordered(members.prefixingRules(with: prefix))
        case .literal, .set, .control: return self
        }
    }

    /// The approximate size in bytes.
    fileprivate var size: Int {
        switch self {
        case .literal(let bytes): 64 + bytes.count
        case .set(let set): 64 + 8 * set.ranges.count
        case .rule(let name), .control(let name): 48 + name.utf8.count
        case .sequence(let parts), .choice(let parts): parts.reduce(64) { $0 + $1.size }
        case .repeated(let body, _, _): 64 + body.size
        case .automaton(let counted): counted.automaton.edges.reduce(128 + 16 * counted.automaton.labels.count) { $0 + 32 + 16 * $1.count }
        case .unordered(let members): 64 + 48 * members.rules.count
        }
    }
}
