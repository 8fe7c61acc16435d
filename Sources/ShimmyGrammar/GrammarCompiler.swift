import Synchronization

/// Compiles grammars for one vocabulary and caches the most recently used ones, since many requests have the same schema.
package final class GrammarCompiler: Sendable {
    /// The default max size of a model's cached grammars, in bytes.
    package static let standardBytes = 64 << 20

    private let trie: TokenTrie
    private let maximumBytes: Int
    /// By the fingerprints of the definitions, so that a lookup compares no grammars while it holds the lock.
    private let cache = Mutex<[Int: Entry]>([:])

    private struct Entry {
        let definition: GrammarDefinition
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
        return entries.reduce(0) { $0 + $1.bytes }
    }

    /// A copy of all entries, so that their sizes are computed without the lock: the size of a grammar waits for texts that use it.
    private var entries: [Entry] { cache.withLock { Array($0.values) } }

    /// Returns whether the compiled grammar of `definition` is probably cached. It compares hashes only, which is quick for a large grammar too.
    package func keeps(_ definition: GrammarDefinition) -> Bool { cache.withLock { $0[definition.fingerprint] != nil } }

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
        let key = definition.fingerprint
        let known = cache.withLock { $0[key] }
        // Another definition can have the same fingerprint; its grammar is replaced.
        if let known, known.definition == definition {
            cache.withLock { $0[key]?.lastUse = now }
            evict()
            return known.grammar
        }
        let grammar = try CompiledGrammar(definition, trie: trie, budget: budget)
        let entry = Entry(definition: definition, grammar: grammar, definitionBytes: definition.size, lastUse: now)
        cache.withLock { $0[key] = entry }
        evict()
        return grammar
    }

    /// Evicts the least recently used grammars while the cache exceeds its limit. Texts that use one keep it.
    private func evict() {
        let measured = entries.map { (entry: $0, bytes: $0.bytes) }.sorted { $0.entry.lastUse < $1.entry.lastUse }
        var total = measured.reduce(0) { $0 + $1.bytes }
        for (entry, bytes) in measured.dropLast() where total > maximumBytes {
            total -= bytes
            let key = entry.definition.fingerprint
            // A grammar that a request used in the meantime stays.
            cache.withLock { if $0[key]?.lastUse == entry.lastUse { $0[key] = nil } }
        }
    }
}
