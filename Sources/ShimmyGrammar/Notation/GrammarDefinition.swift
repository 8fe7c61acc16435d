/// The definition of a grammar: text, rules, or text with the rules of other grammars in place of some of its literals.
///
/// Two equal definitions lead to the same grammar, so compiled grammars are cached by their definitions.
package struct GrammarDefinition: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        case text(String)
        case rules(Grammar)
        case combined(String, [String: Grammar])
    }

    /// The hash of the definition. It is computed once, because a large grammar is looked up several times for one request.
    let fingerprint: Int
    private let form: Form

    /// - text: a grammar in llama.cpp's notation (GBNF).
    package init(_ text: String) { self.init(form: .text(text)) }

    package init(_ grammar: Grammar) { self.init(form: .rules(grammar)) }

    /// - text: a grammar in llama.cpp's notation (GBNF).
    /// - grammars: the grammars that replace literals of the text, by the text of the literal. Each literal must occur. No rule may have the name of
    ///   another one.
    package init(_ text: String, replacing grammars: [String: Grammar]) {
        self.init(form: grammars.isEmpty ? .text(text) : .combined(text, grammars))
    }

    private init(form: Form) {
        self.form = form
        fingerprint = form.hashValue
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// The text of the definition, in which no literal is replaced; nil if the definition consists of rules alone.
    package var text: String? {
        switch form {
        case .text(let text), .combined(let text, _): text
        case .rules: nil
        }
    }

    /// The approximate size in bytes.
    var size: Int {
        switch form {
        case .text(let text): text.utf8.count
        case .rules(let grammar): grammar.size
        case .combined(let text, let grammars): grammars.values.reduce(text.utf8.count) { $0 + $1.size }
        }
    }

    /// Parses the text and replaces its literals.
    func grammar(_ budget: GrammarBudget) throws(GrammarTextError) -> Grammar {
        switch form {
        case .text(let text): return try GBNFParser.parse(text, budget: budget)
        case .rules(let grammar): return grammar
        case .combined(let text, let grammars): return try GBNFParser.parse(text, budget: budget).replacing(grammars)
        }
    }

    /// Returns all rules in llama.cpp's notation (GBNF), for people and for tests.
    package func printed() throws(GrammarTextError) -> String { try grammar(GrammarBudget()).text }
}
