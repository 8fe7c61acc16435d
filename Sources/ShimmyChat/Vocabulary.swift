// From a conversation to a prompt, and from tokens back to a message: rendering, detokenising, stop strings, calls and thinking.
// Knows models and text; knows nothing of HTTP, of an API's JSON or of llama.cpp.

package import ShimmyCore
package import ShimmyEngine

/// A model's tokenizer. Immutable: any thread may use it.
package protocol Vocabulary: Sendable {
    var tokenCount: Int { get }

    /// - addSpecial: add what the model wants around a text (BOS, EOS).
    /// - parseSpecial: read `<|im_end|>` and the like as the tokens that they name, not as text.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token]

    /// The bytes of a token; with `special` of control tokens too, which are none otherwise. They need not be whole UTF-8.
    func piece(of token: Token, special: Bool) -> [UInt8]

    /// The tokens that stand before every text; none where the model knows none.
    var beginning: [Token] { get }

    /// A prompt to which the answer is what stands between two texts; nil when the model was not made for that.
    func infill(_ prefix: [Token], _ suffix: [Token]) -> [Token]?

    /// A grammar over this vocabulary's tokens, at its beginning.
    /// - prefix: the beginning of the text that the grammar describes, said already.
    /// Throws `ChatTemplateError` when the text is no grammar or the prefix does not fit it.
    func compile(_ grammar: GrammarText, prefix: String) throws(ChatTemplateError) -> any ConstraintSource
}

extension Vocabulary {
    package var beginning: [Token] { [] }
    package func infill(_ prefix: [Token], _ suffix: [Token]) -> [Token]? { nil }

    package func piece(of token: Token) -> [UInt8] { piece(of: token, special: false) }

    /// The token that a text names as a whole, if there is one.
    func special(_ text: String) -> Token? {
        let tokens = tokenize(text, addSpecial: false, parseSpecial: true)
        return tokens.count == 1 ? tokens[0] : nil
    }
}
