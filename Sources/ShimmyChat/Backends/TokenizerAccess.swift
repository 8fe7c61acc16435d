package import ShimmyCore

/// The tokenizer of a model, for clients that write prompts or count tokens themselves.
package protocol TokenizerAccess: Sendable {
    var facts: TokenizerFacts { get }

    /// See `Vocabulary.tokenize`. Throws `GenerationError` for a text that exceeds a limit.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token]

    /// Returns the bytes of each token, including control tokens. Nil for a token that is not in the vocabulary.
    func pieces(of tokens: [Token]) async throws -> [[UInt8]?]
}
