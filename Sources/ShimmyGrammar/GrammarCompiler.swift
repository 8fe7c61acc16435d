import Synchronization

/// Compiles grammars for one vocabulary and caches the most recently used ones, since many requests have the same schema.
package final class GrammarCompiler: Sendable {
    /// The default max size of a model's cached grammars, in bytes.
    package static let standardBytes = 64 << 20

    private let trie: TokenTrie
    private let maximumBytes: Int
    private let cache = Mutex<[GrammarDefinition: Entry]>([:])

    private struct Entry {
        let grammar: CompiledGrammar
        /// The size of the definition in bytes.
        let definitionBytes: Int
        var lastUse: ContinuousClock.Instant

        var bytes: Int { definitionBytes + grammar.bytes }
    }

    /// - maximumBytes: the max size of the cached grammars. The most recently used grammar stays cached even if it is larger.
    package init(trie: TokenTrie, maximumBytes: Int = standardBytes) {
        self.trie = trie
        self.maximumBytes = maximumBytes
    }

    /// The approximate size of the cached grammars in bytes. Grammars grow after they are compiled, so the cache first evicts those over the limit.
    package var bytes: Int {
        evict()
        return cache.withLock { cache in cache.values.reduce(0) { $0 + $1.bytes } }
    }

    /// Returns whether the compiled grammar of `definition` is probably cached. It compares hashes only, so that it takes no time for a large grammar.
    package func keeps(_ definition: GrammarDefinition) -> Bool {
        cache.withLock { cache in cache.keys.contains { $0.fingerprint == definition.fingerprint } }
    }

    /// Evicts all grammars. Texts that use one keep it.
    package func removeAll() { cache.withLock { $0 = [:] } }

    /// - text: a grammar in llama.cpp's notation (GBNF).
    /// Throws `GrammarTextError` when the text is not a grammar that can be enforced, or exceeds a limit.
    package func compile(_ text: String, budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) -> CompiledGrammar {
        try compile(GrammarDefinition(text), budget: budget)
    }

    /// Throws `GrammarTextError` when the definition is not a grammar that can be enforced, or exceeds a limit.
    package func compile(_ definition: GrammarDefinition, budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) -> CompiledGrammar {
        let now = ContinuousClock.now
        let known = cache.withLock { cache in
            cache[definition]?.lastUse = now
            return cache[definition]?.grammar
        }
        if let known {
            evict()
            return known
        }
        let grammar = try CompiledGrammar(definition, trie: trie, budget: budget)
        cache.withLock { $0[definition] = Entry(grammar: grammar, definitionBytes: definition.size, lastUse: now) }
        evict()
        return grammar
    }

    /// Evicts the least recently used grammars while the cache exceeds its limit. Texts that use one keep it.
    private func evict() {
        cache.withLock { cache in
            var total = cache.values.reduce(0) { $0 + $1.bytes }
            while total > maximumBytes, cache.count > 1, let oldest = cache.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                total -= oldest.value.bytes
                cache[oldest.key] = nil
            }
        }
    }
}
