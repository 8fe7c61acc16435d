/// A grammar in llama.cpp's notation (GBNF), and changes of its rules, which are made after it is parsed.
package struct GrammarText: Sendable, Hashable {
    /// A replacement of expressions. Both expressions are in GBNF.
    package struct Replacement: Sendable, Hashable {
        /// The expression that is replaced wherever it occurs, also as a part of a sequence.
        package let pattern: String
        package let expression: String
        /// Whether the pattern is replaced only directly after a literal.
        package let followsLiteral: Bool

        package init(_ pattern: String, with expression: String, followsLiteral: Bool = false) {
            self.pattern = pattern
            self.expression = expression
            self.followsLiteral = followsLiteral
        }
    }

    package let text: String
    /// The bodies of rules (GBNF) in place of those in the text, by name. They do not apply to rules that the text lacks.
    package let bodies: [String: String]
    /// The replacements of expressions, in order.
    package let replacements: [Replacement]

    package init(_ text: String, bodies: [String: String] = [:], replacements: [Replacement] = []) {
        self.text = text
        self.bodies = bodies
        self.replacements = replacements
    }

    /// The approximate size in bytes.
    var size: Int {
        let changes = bodies.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        return replacements.reduce(text.utf8.count + changes) { $0 + $1.pattern.utf8.count + $1.expression.utf8.count }
    }

    /// Parses the text and changes its rules.
    func grammar(_ budget: GrammarBudget) throws(GrammarTextError) -> Grammar {
        var grammar = try GBNFParser.parse(text, budget: budget)
        for (name, body) in bodies where grammar.rules[name] != nil {
            grammar.rules[name] = try GBNFParser.parseBody(body, budget: budget)
        }
        for replacement in replacements {
            let pattern = try GBNFParser.parseBody(replacement.pattern, budget: budget)
            let expression = try GBNFParser.parseBody(replacement.expression, budget: budget)
            for (name, body) in grammar.rules {
                grammar.rules[name] = body.replacing(pattern, with: expression, followsLiteral: replacement.followsLiteral)
            }
        }
        if !(bodies.isEmpty && replacements.isEmpty) { try grammar.checkReferences() }
        return grammar
    }
}
