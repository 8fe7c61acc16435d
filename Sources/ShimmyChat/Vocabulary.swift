// From a conversation to a prompt, and from tokens back to a message: rendering, detokenising, stop strings, calls and thinking.
// Knows models and text; knows nothing of HTTP, of an API's JSON or of llama.cpp.

package import ShimmyCore

/// A model's tokenizer. Immutable: any thread may use it.
package protocol Vocabulary: Sendable {
    var tokenCount: Int { get }

    /// - addSpecial: add what the model wants around a text (BOS, EOS).
    /// - parseSpecial: read `<|im_end|>` and the like as the tokens that they name, not as text.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token]

    /// Bytes of the longest token; nil where a token may stand for text of any length.
    var longestToken: Int? { get }

    /// How many characters the tokenizer takes without a break, where `text` has more; nil otherwise.
    func unbrokenLimit(exceededBy text: String) -> Int?

    /// Tokenizes a rendered prompt and reads control tokens in it, of which none begins at one of the prompt's marks.
    func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token]

    /// The bytes of a token; with `special` of control tokens too, which are none otherwise. They need not be whole UTF-8.
    func piece(of token: Token, special: Bool) -> [UInt8]

    /// The tokens that stand before every text; none where the model knows none.
    var beginning: [Token] { get }

    /// The token that ends every text that the model was trained on; nil where it knows none.
    var ending: Token? { get }

    /// A prompt to which the answer is what stands between two texts; nil when the model was not made for that.
    func infill(_ prefix: [Token], _ suffix: [Token]) -> [Token]?

    /// What the model was trained to judge pairs of texts in.
    var pairFormat: PairFormat { get }

    /// Tokens that end a generation; the first is the one that ends a turn.
    var endTokens: [Token] { get }

    /// Tokens that stand for no text, such as marks of turns, but for those that end a generation.
    var controlTokens: [Token] { get }
}

extension Vocabulary {
    package var beginning: [Token] { [] }
    package var ending: Token? { nil }
    package var pairFormat: PairFormat { .marks(beginning: nil, ending: nil, separator: nil) }
    package var endTokens: [Token] { [] }
    package var controlTokens: [Token] { [] }
    package func infill(_ prefix: [Token], _ suffix: [Token]) -> [Token]? { nil }

    package var longestToken: Int? { nil }
    package func unbrokenLimit(exceededBy text: String) -> Int? { nil }
    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token] {
        tokenize(prompt.text, addSpecial: addSpecial, parseSpecial: true)
    }

    /// With what the model wants around a text.
    package func tokenize(_ prompt: RenderedPrompt) -> [Token] { tokenize(prompt, addSpecial: true) }

    package func piece(of token: Token) -> [UInt8] { piece(of: token, special: false) }

    func contains(_ token: Token) -> Bool { (0..<tokenCount).contains(Int(token)) }

    /// The bytes of each token, control tokens included. Nil for a token that there is not.
    func pieces(of tokens: [Token]) -> [[UInt8]?] {
        tokens.map { contains($0) ? piece(of: $0, special: true) : nil }
    }

    /// The token that a text names as a whole, if there is one.
    func special(_ text: String) -> Token? {
        let tokens = tokenize(text, addSpecial: false, parseSpecial: true)
        return tokens.count == 1 ? tokens[0] : nil
    }
}
