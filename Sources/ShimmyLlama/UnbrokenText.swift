import ShimmyCore

/// Bounds the number of consecutive characters in a text without a break.
///
/// For most byte-pair tokenizers llama.cpp splits text with `std::regex`, which recurses for each character of a match and uses 325 bytes of stack
/// each time. A match ends at the latest at the end of a run of letters, digits, white space or other characters. For a few tokenizers only white
/// space ends it.
struct UnbrokenText: Sendable {
    /// The maximum number of consecutive characters.
    let limit: Int
    private let onlySpaceBreaks: Bool
    /// Whether a match can contain several words of letters with spaces between them.
    private let letsSpacesPass: Bool

    /// Tokenizers for which llama.cpp splits text with its own loops (`unicode_regex_split_custom`), by `tokenizer.ggml.pre`.
    static let bounded: Set<String> = [
        "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano", "dbrx", "smaug-bpe",
        "chatglm-bpe", "glm4", "glm5", "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
        "qwen35", "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "modern-bert",
        "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling", "starcoder", "refact",
        "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2", "kimi-k2", "gemma4", "granite-embed-multi-311m", "sarvam-moe",
        "laguna",
    ]
    /// Tokenizers for which only white space ends a match.
    static let spaced: Set<String> = ["poro-chat", "bloom", "gpt3-finnish", "viking", "jina-v2-zh"]

    /// Returns nil for a tokenizer that needs no limit.
    ///
    /// - preTokenizer: the value of `tokenizer.ggml.pre`; nil if the file has none.
    init?(preTokenizer: String?, limits: InputLimits = .standard) {
        let name = preTokenizer ?? ""
        if Self.bounded.contains(name) { return nil }
        // At each digit its regular expression looks ahead to the end of the digits, so the time grows with the square of their number.
        limit = name == "superbpe" ? min(limits.unbrokenCharacters, 4096) : limits.unbrokenCharacters
        onlySpaceBreaks = Self.spaced.contains(name)
        letsSpacesPass = name == "exaone-moe"
    }

    private enum Kind { case letter, digit, space, other }

    private func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x61...0x7A, 0x41...0x5A: onlySpaceBreaks ? .other : .letter
        case 0x30...0x39: onlySpaceBreaks ? .other : .digit
        case 0x20: letsSpacesPass ? .letter : .space
        case 0x09...0x0D: .space
        case 0...0x7F: .other
        default:
            switch scalar.properties.generalCategory {
            case .spaceSeparator, .lineSeparator, .paragraphSeparator: .space
            case _ where onlySpaceBreaks: .other
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark:
                .letter
            case .decimalNumber, .letterNumber, .otherNumber: .digit
            default: .other
            }
        }
    }

    /// Returns the byte offsets at which to cut the text so that no part exceeds the limit; empty if the text is within the limit.
    func cuts(in text: UnsafeBufferPointer<UInt8>) -> [Int] {
        guard text.count > limit else { return [] }
        var (cuts, run): ([Int], Int) = ([], 0)
        var last: Kind?
        var decoder = UTF8()
        var bytes = text.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&bytes) {
            let kind = kind(of: scalar)
            run = kind == last ? run + 1 : 1
            last = kind
            if run > limit {
                cuts.append(offset)
                run = 1
            }
            offset += UTF8.width(scalar)
        }
        return cuts
    }
}
