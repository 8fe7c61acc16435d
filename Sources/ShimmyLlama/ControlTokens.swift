import CLlama
import Foundation
import ShimmyCore

/// The control tokens of a vocabulary, such as `<|im_end|>`. A tokenizer reads them from text only if `parseSpecial` is set.
///
/// Immutable; created once for each model.
struct ControlTokens: Sendable {
    private(set) var trie = ByteTrie()
    /// The length of the vocabulary's longest token in bytes; nil if a token can stand for text of any length.
    private(set) var longestToken: Int?

    /// Creates a set of control tokens for templates without a model.
    init(texts: [String]) {
        for (index, text) in texts.enumerated() { trie.insert(text.utf8, value: Int32(index)) }
    }

    /// Collects the control tokens of a model's vocabulary.
    /// - vocabulary: a `llama_vocab`.
    init(of vocabulary: OpaquePointer) {
        guard llama_vocab_type(vocabulary) != LLAMA_VOCAB_TYPE_NONE else { return }
        let type = llama_vocab_type(vocabulary)
        var longest = 1
        var stripsSpace = false
        let controls = LLAMA_TOKEN_ATTR_CONTROL.rawValue | LLAMA_TOKEN_ATTR_UNKNOWN.rawValue
        for token in 0..<llama_vocab_n_tokens(vocabulary) {
            let attributes = llama_vocab_get_attr(vocabulary, token).rawValue
            guard let text = llama_vocab_get_text(vocabulary, token) else { continue }
            longest = max(longest, strlen(text))
            guard attributes & controls != 0 else { continue }
            trie.insert(String(cString: text).utf8, value: token)
            if attributes & (LLAMA_TOKEN_ATTR_LSTRIP.rawValue | LLAMA_TOKEN_ATTR_RSTRIP.rawValue) != 0 { stripsSpace = true }
        }
        // Other types of vocabulary normalize text, or have a token for unknown words of any length.
        if !stripsSpace, type == LLAMA_VOCAB_TYPE_BPE || type == LLAMA_VOCAB_TYPE_SPM { longestToken = longest }
    }
}
