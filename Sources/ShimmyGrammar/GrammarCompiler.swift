import Synchronization

/// Compiles grammars over one vocabulary and keeps the last ones by their text: requests come with the same schema again and again.
package final class GrammarCompiler: Sendable {
    private static let kept = 64

    private let trie: TokenTrie
    private let cache = Mutex<[String: Entry]>([:])

    private struct Entry {
        let grammar: CompiledGrammar
        var lastUse: ContinuousClock.Instant
    }

    package init(trie: TokenTrie) { self.trie = trie }

    /// - text: llama.cpp's notation (GBNF).
    /// Throws `GrammarTextError` when the text is no grammar that can be held to.
    package func compile(_ text: String) throws(GrammarTextError) -> CompiledGrammar {
        let now = ContinuousClock.now
        let known = cache.withLock { cache in
            cache[text]?.lastUse = now
            return cache[text]?.grammar
        }
        if let known { return known }
        let grammar = try CompiledGrammar(text, trie: trie)
        cache.withLock { cache in
            if cache.count >= Self.kept, let oldest = cache.min(by: { $0.value.lastUse < $1.value.lastUse }) { cache[oldest.key] = nil }
            cache[text] = Entry(grammar: grammar, lastUse: now)
        }
        return grammar
    }
}
