// From a conversation to a prompt, and from tokens back to text: rendering, detokenising, stop strings.
// Knows models and text; knows nothing of HTTP, of an API's JSON or of llama.cpp.

package import ShimmyCore

/// A model's tokenizer. Immutable: any thread may use it.
package protocol Vocabulary: Sendable {
    var tokenCount: Int { get }

    /// - addSpecial: add what the model wants around a text (BOS, EOS).
    /// - parseSpecial: read `<|im_end|>` and the like as the tokens that they name, not as text.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token]

    /// The bytes of a token; none for control tokens. They need not be whole UTF-8.
    func piece(of token: Token) -> [UInt8]
}
