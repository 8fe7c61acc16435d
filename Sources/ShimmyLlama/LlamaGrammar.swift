import CChat
import CLlama
package import ShimmyChat
import ShimmyCore
package import ShimmyEngine
import ShimmyJSON

/// A grammar over a model's vocabulary, compiled by llama.cpp, at the place where an answer begins.
///
/// `@unchecked Sendable`: once made it is only cloned, which reads it.
final class LlamaGrammar: ConstraintSource, @unchecked Sendable {
    private let pointer: OpaquePointer
    /// The grammar refers to its vocabulary.
    private let model: LlamaModel

    /// Throws `ChatTemplateError` when the text is no grammar or the prefix does not fit it.
    init(_ grammar: GrammarText, prefix: [Token], model: LlamaModel, vocabulary: LlamaVocabulary) throws(ChatTemplateError) {
        var patterns: [String] = []
        var tokens: [Token] = []
        for trigger in grammar.triggers {
            switch trigger {
            case .pattern(let pattern): patterns.append(pattern)
            case .word(let word):
                // A word that is a token of its own is met without looking at texts.
                let token = vocabulary.tokenize(word, addSpecial: false, parseSpecial: true)
                if token.count == 1 { tokens.append(token[0]) } else { patterns.append(Self.escaped(word)) }
            }
        }
        var error: UnsafeMutablePointer<CChar>?
        let texts = JSON.array(patterns.map(JSON.string)).text
        guard
            let pointer = cchat_grammar_create(
                model.pointer, grammar.text, !grammar.triggers.isEmpty, texts, tokens, tokens.count, &error)
        else { throw ChatTemplateError(LlamaChatTemplate.take(error) ?? "the grammar does not parse") }
        self.pointer = pointer
        self.model = model
        guard grammar.triggers.isEmpty else { return }
        for token in prefix where !cchat_grammar_accept(pointer, token) {
            throw ChatTemplateError("the prompt's end does not fit the grammar of the answer")
        }
    }

    deinit { cchat_grammar_free(pointer) }

    func makeConstraint() -> any TokenConstraint { State(of: self, pointer: cchat_grammar_clone(pointer)) }

    /// Every character that means something in a regular expression, taken literally.
    private static func escaped(_ word: String) -> String {
        word.map { ".^$|()*+?[]{}\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
    }

    private final class State: TokenConstraint {
        private let pointer: OpaquePointer
        private let source: LlamaGrammar

        init(of source: LlamaGrammar, pointer: OpaquePointer) {
            self.source = source
            self.pointer = pointer
        }

        deinit { cchat_grammar_free(pointer) }

        let forced: Token? = nil

        func filter(_ tokens: [Token]) -> [Token] {
            var kept = tokens
            let count = cchat_grammar_filter(pointer, &kept, kept.count)
            return Array(kept.prefix(count))
        }

        func accept(_ token: Token) { _ = cchat_grammar_accept(pointer, token) }
    }
}

extension LlamaVocabulary {
    package func compile(_ grammar: GrammarText, prefix: String) throws(ChatTemplateError) -> any ConstraintSource {
        var tokens = tokenize(prefix, addSpecial: false, parseSpecial: true)
        // Some tokenizers put a space before the first token.
        if let first = tokens.first, let byte = piece(of: first, special: true).first, byte == 0x20, prefix.utf8.first != 0x20 {
            tokens.removeFirst()
        }
        return try LlamaGrammar(grammar, prefix: tokens, model: model, vocabulary: self)
    }
}
