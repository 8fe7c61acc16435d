/// The definition of a grammar: rules, or texts, of which one must fit, with the rules of other grammars in place of some of their literals.
///
/// Two equal definitions lead to the same grammar, so compiled grammars are cached by their definitions.
package struct GrammarDefinition: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        case rules(Grammar)
        /// - literals: the grammars in place of literals, by the text of the literal.
        case texts([GrammarText], literals: [String: Grammar])
    }

    /// The hash of the definition. It is computed once, because a large grammar is looked up several times for one request.
    let fingerprint: Int
    private let form: Form

    /// - text: a grammar in llama.cpp's notation (GBNF).
    package init(_ text: String) { self.init(anyOf: [GrammarText(text)]) }

    package init(_ grammar: Grammar) { self.init(form: .rules(grammar)) }

    /// - texts: the grammars of which a text must fit one; at least one.
    package init(anyOf texts: [GrammarText]) { self.init(form: .texts(texts, literals: [:])) }

    private init(form: Form) {
        self.form = form
        fingerprint = form.hashValue
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// Returns the definition with grammars in place of literals of its texts.
    /// - grammars: the grammars, by the text of the literal. Each literal must occur. No rule may have the name of another one.
    package func replacing(_ grammars: [String: Grammar]) -> GrammarDefinition {
        switch form {
        case .texts(let texts, let literals): GrammarDefinition(form: .texts(texts, literals: literals.merging(grammars) { $1 }))
        case .rules: self
        }
    }

    /// The texts of the definition, without the changes of their rules; empty if the definition consists of rules alone.
    package var texts: [String] {
        switch form {
        case .texts(let texts, _): texts.map(\.text)
        case .rules: []
        }
    }

    /// The approximate size in bytes.
    var size: Int {
        switch form {
        case .rules(let grammar): grammar.size
        case .texts(let texts, let literals): literals.values.reduce(texts.reduce(0) { $0 + $1.size }) { $0 + $1.size }
        }
    }

    /// Parses the texts and replaces their literals.
    func grammar(_ budget: GrammarBudget) throws(GrammarTextError) -> Grammar {
        switch form {
        case .rules(let grammar): return grammar
        case .texts(let texts, let literals):
            var grammars: [Grammar] = []
            for text in texts { grammars.append(try text.grammar(budget)) }
            return try Grammar(anyOf: grammars).replacing(literals)
        }
    }

    /// Returns all rules in llama.cpp's notation (GBNF), for people and for tests.
    package func printed() throws(GrammarTextError) -> String { try grammar(GrammarBudget()).text }
}
