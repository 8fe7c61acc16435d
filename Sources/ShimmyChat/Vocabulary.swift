// Converts conversations to prompts and tokens to messages: rendering, detokenizing, stop strings, calls and reasoning.
// Depends on models and text; does not depend on HTTP, an API's JSON or llama.cpp.

package import ShimmyCore

/// A model's tokenizer. Immutable; any thread may use it.
package protocol Vocabulary: Sendable {
    var tokenCount: Int { get }

    /// Returns the tokens of a text. For a text from a client, use the function with a budget.
    /// - addSpecial: add the tokens that the model expects around a text (BOS, EOS).
    /// - parseSpecial: read texts such as `<|im_end|>` as the tokens that they name instead of as plain text.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token]

    /// The length of the longest token in bytes; nil if a token can stand for text of any length.
    var longestToken: Int? { get }

    /// Returns the tokenizer's limit of characters without a break if `text` exceeds it; nil otherwise.
    func unbrokenLimit(exceededBy text: String) -> Int?

    /// Tokenizes a rendered prompt and its control tokens. No control token begins at one of the prompt's marks.
    func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token]

    /// Tokenizes a text of any length piece by piece. No control token begins at one of the prompt's marks.
    /// - work: checked before each piece.
    ///
    /// Throws `WorkStopped`, and `GenerationError.beyondLimit` for a text that is too long to be tokenized at once and cannot be cut into pieces.
    func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool, parseSpecial: Bool, within work: WorkBudget) throws -> [Token]

    /// Returns the bytes of a token, which can be incomplete UTF-8. A control token has no bytes unless `special` is true.
    func piece(of token: Token, special: Bool) -> [UInt8]

    /// The tokens before every text (BOS); empty if the model has none.
    var beginning: [Token] { get }

    /// The token that ends every training text (EOS); nil if the model has none.
    var ending: Token? { get }

    /// The tokens for infilling; nil if the model does not support it.
    var infillMarks: InfillMarks? { get }

    /// The format of query and document pairs on which the model was trained.
    var pairFormat: PairFormat { get }

    /// Tokens that end a generation (EOG); the first is the one that ends a turn.
    var endTokens: [Token] { get }

    /// Tokens without text, such as turn markers. Does not include the tokens that end a generation.
    var controlTokens: [Token] { get }
}

extension Vocabulary {
    package var beginning: [Token] { [] }
    package var ending: Token? { nil }
    package var pairFormat: PairFormat { .marks(beginning: nil, ending: nil, separator: nil) }
    package var endTokens: [Token] { [] }
    package var controlTokens: [Token] { [] }
    package var infillMarks: InfillMarks? { nil }

    package var longestToken: Int? { nil }
    package func unbrokenLimit(exceededBy text: String) -> Int? { nil }
    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token] {
        tokenize(prompt.text, addSpecial: addSpecial, parseSpecial: true)
    }

    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool, parseSpecial: Bool, within work: WorkBudget) throws -> [Token] {
        try work.check()
        return parseSpecial ? tokenize(prompt, addSpecial: addSpecial) : tokenize(prompt.text, addSpecial: addSpecial, parseSpecial: false)
    }

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool, within work: WorkBudget) throws -> [Token] {
        try tokenize(RenderedPrompt(text: text), addSpecial: addSpecial, parseSpecial: parseSpecial, within: work)
    }

    /// Tokenizes a rendered prompt and adds the tokens that the model expects around a text.
    package func tokenize(_ prompt: RenderedPrompt) -> [Token] { tokenize(prompt, addSpecial: true) }

    package func piece(of token: Token) -> [UInt8] { piece(of: token, special: false) }

    func contains(_ token: Token) -> Bool { (0..<tokenCount).contains(Int(token)) }

    /// Returns the bytes of each token, including control tokens. Nil for a token that is not in the vocabulary.
    func pieces(of tokens: [Token]) -> [[UInt8]?] {
        tokens.map { contains($0) ? piece(of: $0, special: true) : nil }
    }

    /// Returns the single token that `text` names; nil if there is none.
    func special(_ text: String) -> Token? {
        let tokens = tokenize(text, addSpecial: false, parseSpecial: true)
        return tokens.count == 1 ? tokens[0] : nil
    }
}
