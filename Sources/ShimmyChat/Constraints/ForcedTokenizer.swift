import ShimmyCore
import ShimmyGrammar
import Synchronization

/// Converts forced text to the tokens into which a tokenizer would split it in context.
///
/// A tokenizer often merges the last bytes of a text with the bytes after it. The forced tokens omit such bytes, and the model generates them. For
/// example, `{"name": ` before a string omits its final space if the vocabulary has a token of a space and a quote.
final class ForcedTokenizer: Sendable {
    /// The maximum number of cached texts.
    private static let kept = 4096
    /// The maximum length of a forced text, in bytes.
    private static let longest = 4096

    private let vocabulary: any Vocabulary
    private let trie: TokenTrie
    private let cache = Mutex<[ForcedText: [Token]]>([:])

    init(vocabulary: any Vocabulary, trie: TokenTrie) {
        self.vocabulary = vocabulary
        self.trie = trie
    }

    func tokens(of text: ForcedText) -> [Token] {
        if text.bytes.isEmpty { return text.ends ? trie.end.map { [$0] } ?? [] : [] }
        if let known = cache.withLock({ $0[text] }) { return known }
        let tokens = find(text)
        cache.withLock { cache in
            if cache.count >= Self.kept { cache.removeAll() }
            cache[text] = tokens
        }
        return tokens
    }

    private func find(_ text: ForcedText) -> [Token] {
        // The model generates longer texts token by token, because tokenizing them would block the engine's thread.
        guard text.bytes.count <= Self.longest, let string = String(validating: text.bytes, as: UTF8.self) else { return [] }
        var tokens = vocabulary.tokenize(string, addSpecial: false, parseSpecial: false)
        // Some tokenizers insert a space before a text.
        if let first = tokens.first, vocabulary.piece(of: first) == [0x20], text.bytes.first != 0x20 { tokens.removeFirst() }
        let pieces = tokens.map { vocabulary.piece(of: $0) }
        guard pieces.joined().elementsEqual(text.bytes) else { return [] }
        if text.ends { return tokens + (trie.end.map { [$0] } ?? []) }
        // Walk back from the end. A token boundary is uncertain as long as a longer token starts with all bytes after it.
        var tail: [UInt8] = []
        var kept = 0
        for (index, piece) in pieces.enumerated().reversed() {
            tail = piece + tail
            if tail.count > trie.longest { break }
            if trie.hasLonger(than: tail) { kept = index - pieces.count }
        }
        return Array(tokens.dropLast(-kept))
    }
}
