import CLlama
import ShimmyCore

/// The positions at which a text without special tokens can be cut, so that its pieces have the same tokens as the whole.
struct TextCuts: Sendable {
    private enum Rule {
        /// Between a letter and a space before a letter.
        /// - dropsSpace: whether to omit the space, because the tokenizer inserts one before each text.
        case words(dropsSpace: Bool)
        /// After a line feed, before another character.
        case lines
        /// Nowhere.
        case none
    }

    /// The maximum number of bytes of a piece that is cut at one of the positions.
    private static let pieceBytes = 64 << 10

    private let rule: Rule

    /// llama.cpp splits a text into words with regular expressions, by `tokenizer.ggml.pre`. For the following names, a match never extends from a
    /// letter to the space after it, and its end does not depend on that space, so that the words of the pieces are those of the whole.
    static let endWordsAtSpaces = UnbrokenText.bounded.subtracting(joinWords).union(UnbrokenText.spaced).union([
        "", "default", "minicpm5", "deepseek-llm", "deepseek-coder", "deepseek-v3", "spark2_5", "youtu", "falcon", "jais-2", "whitespace", "tekken",
        "chameleon", "gpt-4o", "llama4", "kanana2", "talkie", "granite-embed-multi-97m", "tiny_aya", "cohere2moe", "bailingmoe", "bailingmoe2",
        "llada-moe", "seed-coder", "hunyuan-dense", "hy_v4", "joyai-llm", "ufakzeka", "afmoe", "minimax-m2",
    ])
    /// Tokenizers that split a text only between runs of line feeds and other characters.
    static let joinWords: Set<String> = ["gemma4", "granite-embed-multi-311m", "sarvam-moe"]

    /// - metadata: returns a value of the model's file; nil if the file has none.
    init(of vocabulary: OpaquePointer, metadata: (String) -> String?) {
        switch llama_vocab_type(vocabulary) {
        case LLAMA_VOCAB_TYPE_BPE: rule = Self.rule(model: metadata("tokenizer.ggml.model"), pre: metadata("tokenizer.ggml.pre") ?? "")
        case LLAMA_VOCAB_TYPE_SPM where !Self.hasTokensAcrossWords(vocabulary):
            // Each merge of two pieces of text is a token. No token extends over the cut, so the two sides are merged independently.
            rule = .words(dropsSpace: metadata("tokenizer.ggml.add_space_prefix") != "false")
        // Words between white space are tokenized independently.
        case LLAMA_VOCAB_TYPE_WPM: rule = .words(dropsSpace: false)
        // The others consider the whole text, with rounded sums or with tokens across spaces.
        default: rule = .none
        }
    }

    private static func rule(model: String?, pre: String) -> Rule {
        switch model {
        // This tokenizer takes its own expressions, whatever the file says.
        case "gemma4": .lines
        case "gpt2", "whitespace": joinWords.contains(pre) ? .lines : endWordsAtSpaces.contains(pre) ? .words(dropsSpace: false) : .none
        default: .none
        }
    }

    /// Returns whether a token contains a letter and the space after it, which these vocabularies write as U+2581.
    private static func hasTokensAcrossWords(_ vocabulary: OpaquePointer) -> Bool {
        (0..<llama_vocab_n_tokens(vocabulary)).contains { token in
            guard var text = llama_vocab_get_text(vocabulary, token) else { return false }
            while text[0] != 0 {
                // A byte after the end is not read, because the comparison ends at the zero byte.
                if isLetter(UInt8(bitPattern: text[0])), UInt8(bitPattern: text[1]) == 0xE2, UInt8(bitPattern: text[2]) == 0x96,
                    UInt8(bitPattern: text[3]) == 0x81
                {
                    return true
                }
                text += 1
            }
            return false
        }
    }

    /// Returns the piece that begins at `start`, and the position at which the next piece begins.
    /// - end: the end of the text without special tokens.
    func piece(of text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> (piece: Range<Int>, next: Int) {
        guard end - start > Self.pieceBytes else { return (start..<end, end) }
        // The last position before the limit, else the first one after it.
        let limit = start + Self.pieceBytes
        let cut = ((start + 1)...limit).last { isCut($0, text, end) } ?? (limit..<end).first { isCut($0, text, end) }
        guard let cut else { return (start..<end, end) }
        if case .words(dropsSpace: true) = rule { return (start..<cut, cut + 1) }
        return (start..<cut, cut)
    }

    /// Returns whether the text can be cut before the byte at `place`, which is not the first of the text.
    private func isCut(_ place: Int, _ text: UnsafeBufferPointer<UInt8>, _ end: Int) -> Bool {
        switch rule {
        case .words: place + 1 < end && text[place] == 0x20 && isLetter(text[place - 1]) && isLetter(text[place + 1])
        case .lines: place < end && text[place - 1] == 0x0A && text[place] != 0x0A
        case .none: false
        }
    }
}

/// Returns whether a byte is one of the letters that no tokenizer's expression distinguishes from other letters of a word.
private func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
