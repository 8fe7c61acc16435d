import ShimmyCore
import ShimmyGrammar
import Synchronization

/// Forced text as the tokens that a model would have seen for it.
///
/// Where such a text ends, a tokenizer would often have taken its last bytes together with what follows; these bytes are left for the model
/// to say. `{"name": ` before a string ends without its space where the vocabulary has a token of a space and a quote.
final class ForcedTokenizer: Sendable {
    /// Texts that are remembered.
    private static let kept = 4096
    /// Bytes of the longest text that is forced at once.
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
        // Longer texts are left for the model to say: they would hold up the engine's thread.
        guard text.bytes.count <= Self.longest, let string = String(validating: text.bytes, as: UTF8.self) else { return [] }
        var tokens = vocabulary.tokenize(string, addSpecial: false, parseSpecial: false)
        // Some tokenizers put a space before a text.
        if let first = tokens.first, vocabulary.piece(of: first) == [0x20], text.bytes.first != 0x20 { tokens.removeFirst() }
        let pieces = tokens.map { vocabulary.piece(of: $0) }
        guard pieces.joined().elementsEqual(text.bytes) else { return [] }
        if text.ends { return tokens + (trie.end.map { [$0] } ?? []) }
        // From the end: as long as some token begins with all that follows a border, and goes on, the border is not sure.
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
