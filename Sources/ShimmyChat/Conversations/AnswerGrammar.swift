package import ShimmyGrammar

/// The grammar of an answer, and the texts at which it begins to apply.
package struct AnswerGrammar: Sendable, Equatable {
    package enum Trigger: Sendable, Equatable {
        /// This text, at any position.
        case word(String)
        /// A match of this regular expression at the start of the answer, or directly after the text `after` if it is not nil.
        case opening(String, after: String? = nil)
    }

    package var definition: GrammarDefinition
    /// The triggers of the grammar. The answer is unconstrained until one of them matches; empty if the grammar applies from the start.
    package var triggers: [Trigger]

    package init(_ definition: GrammarDefinition, triggers: [Trigger] = []) {
        self.definition = definition
        self.triggers = triggers
    }

    /// - text: a grammar in llama.cpp's notation (GBNF).
    package init(_ text: String, triggers: [Trigger] = []) { self.init(GrammarDefinition(text), triggers: triggers) }
}
