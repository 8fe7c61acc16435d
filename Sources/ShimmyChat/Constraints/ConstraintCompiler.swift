import ShimmyCore
package import ShimmyEngine
package import ShimmyGrammar
import Synchronization

/// Compiles grammars into constraints for one model. The first grammar builds the vocabulary's trie.
package final class ConstraintCompiler: Sendable {
    private struct Tables {
        let grammars: GrammarCompiler
        let tokenizer: ForcedTokenizer
    }

    private let vocabulary: any Vocabulary
    private let made = Mutex<Tables?>(nil)

    package init(vocabulary: any Vocabulary) { self.vocabulary = vocabulary }

    private var tables: Tables {
        made.withLock { made in
            if let made { return made }
            let trie = vocabulary.makeTrie()
            let tables = Tables(grammars: GrammarCompiler(trie: trie), tokenizer: ForcedTokenizer(vocabulary: vocabulary, trie: trie))
            made = tables
            return tables
        }
    }

    /// The max size of the cached grammars of one model in bytes.
    package static let mostBytes = GrammarCompiler.standardBytes

    /// The approximate size of the cached grammars in bytes.
    package var bytes: Int { made.withLock { $0 }?.grammars.bytes ?? 0 }

    /// Returns whether the cache contains `grammar`, so that compiling it is quick.
    package func keeps(_ grammar: AnswerGrammar) -> Bool { made.withLock { $0 }?.grammars.keeps(grammar.definition) ?? false }

    /// Empties the grammar cache. Sequences keep the grammars that they use.
    package func removeAll() { made.withLock { $0 }?.grammars.removeAll() }

    /// Compiles a grammar and computes its first token masks. Call it on a worker thread: a new grammar can take seconds.
    ///
    /// - prefix: the start of the constrained text that the prompt already contains.
    /// Throws `GrammarTextError` when `grammar` is not a valid grammar or `prefix` does not match it.
    package func compile(_ grammar: AnswerGrammar, prefix: String = "") throws(GrammarTextError) -> any ConstraintSource {
        let tables = tables
        var cursor = try tables.grammars.compile(grammar.definition).begin()
        if grammar.triggers.isEmpty {
            guard cursor.advance(prefix.utf8) else {
                if cursor.meetsLimit { throw .tooAmbiguous }
                throw GrammarTextError(
                    "the last message is not a valid start of an answer under the request's grammar or schema", isUnfitPrefix: true)
            }
            if !prefix.isEmpty { try cursor.checkBeginning() }
            cursor.prepare()
            return GrammarSource(cursor: cursor, tokenizer: tables.tokenizer)
        }
        cursor.prepare()
        var settings = TriggeredConstraint.Settings(grammar: cursor)
        for trigger in grammar.triggers {
            switch trigger {
            case .word(let word): settings.words.append(Array(word.utf8))
            case .opening(let pattern, let after):
                let opening = try tables.grammars.compile("root ::= " + RegexGrammar.expression(pattern, in: .plain))
                settings.openings.append(.init(after: after.map { Array($0.utf8) }, cursor: opening.begin()))
            }
        }
        return TriggeredSource(settings: settings, vocabulary: vocabulary, tokenizer: tables.tokenizer)
    }
}

extension Vocabulary {
    /// Returns the trie of the vocabulary's tokens. Control tokens have no text in it; grammars refer to them by name.
    package func makeTrie() -> TokenTrie {
        let controls = controlTokens
        let isControl = Set(controls)
        let pieces = (0..<Token(tokenCount)).map { isControl.contains($0) ? [] : piece(of: $0, special: false) }
        let names = controls.map { (String(decoding: piece(of: $0, special: true), as: UTF8.self), $0) }
        return TokenTrie(pieces: pieces, ends: endTokens, controls: Dictionary(names) { first, _ in first })
    }
}
