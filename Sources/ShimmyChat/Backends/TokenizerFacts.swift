import ShimmyCore

/// The information with which a client can write prompts for a model itself.
package struct TokenizerFacts: Sendable, Equatable {
    /// The texts of BOS and EOS; nil if the model has no such token.
    package var beginning: String?
    package var end: String?
    /// The chat template in Jinja.
    package var template: String
    /// Whether the model can fill in the middle of a text.
    package var infills = false
    /// Whether the chat template supports reasoning before the answer. Only a loader sets it.
    package var thinks = false

    package init(beginning: String?, end: String?, template: String) {
        self.beginning = beginning
        self.end = end
        self.template = template
    }
}

extension TokenizerFacts {
    package init(_ vocabulary: any Vocabulary, template: String) {
        func text(_ token: Token?) -> String? { token.map { String(decoding: vocabulary.piece(of: $0, special: true), as: UTF8.self) } }
        self.init(beginning: text(vocabulary.beginning.first), end: text(vocabulary.ending), template: template)
        infills = vocabulary.infillMarks != nil
    }
}
