/// A conversation as the text on which a model was trained, and a description of its answer.
package struct RenderedPrompt: Sendable {
    package var text: String
    /// Byte offsets of `text`, in increasing order, at which no control token may begin, because the text there comes from the client.
    package var marks: [Int] = []
    /// The names of the changes to the conversation for this template, such as "merged-turns"; empty for none.
    package var normalizations: [String] = []
    /// Schema keywords, or whole schemas, that the grammar does not enforce. See `AnswerReport`.
    package var unenforced: [String] = []
    /// Stop strings of the template's format, in addition to those of the request.
    package var additionalStops: [String]
    /// The end of `text` that belongs to the answer's format, such as an opening reasoning tag.
    package var generationPrompt: String
    /// The grammar of the answer; nil if it is unconstrained.
    package var grammar: AnswerGrammar?
    /// The texts of control tokens that are part of the answer's format.
    package var preservedTokens: [String]
    /// The tags around reasoning; nil if the template has none.
    package var thinking: ThinkingTags?
    /// The parser of the answer; nil if all of the answer is content.
    package var format: (any AnswerFormat)?

    package init(
        text: String, additionalStops: [String] = [], generationPrompt: String = "", grammar: AnswerGrammar? = nil, preservedTokens: [String] = [],
        thinking: ThinkingTags? = nil, format: (any AnswerFormat)? = nil
    ) {
        self.text = text
        self.additionalStops = additionalStops
        self.generationPrompt = generationPrompt
        self.grammar = grammar
        self.preservedTokens = preservedTokens
        self.thinking = thinking
        self.format = format
    }
}
