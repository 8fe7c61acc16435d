import Synchronization

/// Compiles grammars for one vocabulary and caches the most recently used ones, since many requests have the same schema.
package final class GrammarCompiler: Sendable {
    /// The default max size of a model's cached grammars, in bytes.
    package static let standardBytes = 64 << 20

    private let trie: TokenTrie
    private let maximumBytes: Int
    private let cache = Mutex<[String: Entry]>([:])

    private struct Entry {
        let grammar: CompiledGrammar
        var lastUse: ContinuousClock.Instant
    }

    /// - maximumBytes: the max size of the cached grammars. The most recently used grammar stays cached even if it is larger.
    package init(trie: TokenTrie, maximumBytes: Int = standardBytes) {
        self.trie = trie
        self.maximumBytes = maximumBytes
    }

    /// The approximate size of the cached grammars in bytes. Grammars grow after they are compiled, so the cache first evicts those over the limit.
    package var bytes: Int {
        evict()
        return cache.withLock { cache in cache.reduce(0) { $0 + Self.bytes($1) } }
    }

    private static func bytes(_ entry: (key: String, value: Entry)) -> Int { entry.key.utf8.count + entry.value.grammar.bytes }

    /// Whether the compiled grammar of `text` is cached.
    package func keeps(_ text: String) -> Bool { cache.withLock { $0[text] != nil } }

    /// Evicts all grammars. Texts that use one keep it.
    package func removeAll() { cache.withLock { $0 = [:] } }

    /// - text: a grammar in llama.cpp's notation (GBNF).
    /// Throws `GrammarTextError` when the text is not a grammar that can be enforced, or exceeds a limit.
    package func compile(_ text: String, budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) -> CompiledGrammar {
        let now = ContinuousClock.now
        let known = cache.withLock { cache in
            cache[text]?.lastUse = now
            return cache[text]?.grammar
        }
        if let known {
            evict()
            return known
        }
        let grammar = try CompiledGrammar(text, trie: trie, budget: budget)
        cache.withLock { $0[text] = Entry(grammar: grammar, lastUse: now) }
        evict()
        return grammar
    }

    /// Evicts the least recently used grammars while the cache exceeds its limit. Texts that use one keep it.
    private func evict() {
        cache.withLock { cache in
            var total = cache.reduce(0) { $0 + Self.bytes($1) }
            while total > maximumBytes, cache.count > 1, let oldest = cache.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                total -= Self.bytes(oldest)
                cache[oldest.key] = nil
            }
        }
    }
}
