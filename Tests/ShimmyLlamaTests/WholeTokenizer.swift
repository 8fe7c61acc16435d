import CLlama
import Foundation
import ShimmyCore
import ShimmyFormats
import ShimmyLlama

/// llama.cpp's tokenizer, which processes a whole text in one call.
///
/// `@unchecked Sendable`: llama.cpp only reads a loaded model.
final class WholeTokenizer: @unchecked Sendable {
    private let model: OpaquePointer
    private let vocabulary: OpaquePointer

    /// - path: a file that `LlamaModel` has loaded.
    init(path: String) throws {
        var parameters = llama_model_default_params()
        parameters.vocab_only = true
        guard let model = llama_model_load_from_file(path, parameters) else { throw Unreadable(path: path) }
        self.model = model
        vocabulary = llama_model_get_vocab(model)
    }

    deinit { llama_model_free(model) }

    struct Unreadable: Error {
        let path: String
    }

    func tokens(of text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
        let size = Int32(text.utf8.count)
        var tokens = [Token](repeating: 0, count: text.utf8.count * 3 + 8)
        let count = llama_tokenize(vocabulary, text, size, &tokens, Int32(tokens.count), addSpecial, parseSpecial)
        return Array(tokens.prefix(Int(max(0, count))))
    }

    /// The texts of the tokens that the tokenizer reads before it splits a text into words.
    var specials: [String] {
        let special = LLAMA_TOKEN_ATTR_CONTROL.rawValue | LLAMA_TOKEN_ATTR_UNKNOWN.rawValue | LLAMA_TOKEN_ATTR_USER_DEFINED.rawValue
        return (0..<llama_vocab_n_tokens(vocabulary)).compactMap { token in
            guard llama_vocab_get_attr(vocabulary, token).rawValue & special != 0 else { return nil }
            return llama_vocab_get_text(vocabulary, token).map { String(cString: $0) }
        }
    }
}

/// A byte-pair vocabulary whose special tokens overlap, contain each other, repeat themselves and contain white space.
enum OverlappingVocabulary {
    private static let controls = ["<s>", "</s>", "<unk>", "<|endoftext|>", "[MASK]", "xyzx", "yzxyz", "y  z", "\n\n\n", " x"]
    private static let userDefined = ["  ", "   ", "      ", "\n", "\n\n", " \n", "z ", "yz", "zyzyzyz", "<xy", "ab"]

    /// Writes the vocabulary to a file and returns its path.
    /// - name: the name of the model, by which llama.cpp decides which tokens remove white space.
    static func write(name: String) throws -> String {
        let letters = (0x21...0x7E).map { String(UnicodeScalar(UInt8($0))) } + ["\u{120}", "\u{10A}", "\u{120}a", "ba"]
        let words = ["x", "y", "z"].flatMap { first in ["x", "y", "z"].flatMap { second in ["x", "y", "z"].map { first + second + $0 } } }
        let defined = userDefined + words
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).gguf").path
        let writer = try GGUFWriter(
            path: path,
            metadata: [
                ("general.architecture", .string("gpt2")), ("general.name", .string(name)), ("tokenizer.ggml.model", .string("gpt2")),
                ("tokenizer.ggml.pre", .string("gpt-2")), ("tokenizer.ggml.tokens", .strings(letters + controls + defined)),
                ("tokenizer.ggml.token_type", .integers(letters.map { _ in 1 } + controls.map { _ in 3 } + defined.map { _ in 4 })),
                ("tokenizer.ggml.merges", .strings(["\u{120} a", "b a"])),
            ], tensors: [], freeBytes: nil)
        try writer.close()
        return path
    }
}
