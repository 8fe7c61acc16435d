package import ShimmyCore

/// The tokens with which a model was trained to fill in the middle of a text.
package struct InfillMarks: Sendable, Equatable {
    /// The tokens that the model expects before every text (BOS); empty if it expects none.
    package var beginning: [Token]
    /// The tokens before the text that precedes the gap, before the text that follows it, and before the answer.
    package var prefix: Token
    package var suffix: Token
    package var middle: Token
    /// The token before the name of a repository; nil if the model has none.
    package var repository: Token?
    /// The token before the name of a file; nil if the model has none.
    package var file: Token?

    package init(beginning: [Token] = [], prefix: Token, suffix: Token, middle: Token, repository: Token? = nil, file: Token? = nil) {
        self.beginning = beginning
        self.prefix = prefix
        self.suffix = suffix
        self.middle = middle
        self.repository = repository
        self.file = file
    }

    /// Returns a prompt whose answer is the text between `before` and `after`.
    /// - context: the tokens of other files.
    func prompt(context: [Token] = [], before: [Token], after: [Token]) -> [Token] {
        beginning + context + [prefix] + before + [suffix] + after + [middle]
    }
}
