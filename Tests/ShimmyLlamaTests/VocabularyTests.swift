import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyLlama
import Testing

/// Comparison of the tokenizer binding with llama.cpp's test texts and their expected tokens, for each family of tokenizers.
@Suite struct VocabularyTests {
    @Test func thereAreVocabulariesToTest() { #expect(LlamaSource.vocabularies.count >= 15, "none found in \(LlamaSource.models)") }

    @Test(arguments: LlamaSource.vocabularies)
    func tokenizesAsExpected(file: String) throws {
        let path = "\(LlamaSource.models)/\(file)"
        let vocabulary = try LlamaModel(path: path, options: .init(vocabularyOnly: true)).vocabulary
        let texts = try String(contentsOfFile: path + ".inp", encoding: .utf8).components(separatedBy: "\n__ggml_vocab_test__\n")
        let lines = try String(contentsOfFile: path + ".out", encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(texts.count > 10)
        for (text, line) in zip(texts, lines) {
            let expected = line.split(separator: " ").compactMap { Token($0) }
            #expect(vocabulary.tokenize(text, addSpecial: false, parseSpecial: false) == expected, "\(file): \(text.debugDescription)")
        }
    }

    /// Byte-level vocabularies reproduce every byte.
    @Test(arguments: ["ggml-vocab-gpt-2.gguf", "ggml-vocab-llama-bpe.gguf", "ggml-vocab-qwen2.gguf", "ggml-vocab-starcoder.gguf"])
    func piecesOfATextGiveTheTextBack(file: String) throws {
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/\(file)", options: .init(vocabularyOnly: true)).vocabulary
        for text in ["Hello, world", "  leading", "日本語 и кириллица", "👩‍👩‍👧‍👦 é e\u{301} \u{0}", "<|im_end|> is text here", "\r\n\t"] {
            let tokens = vocabulary.tokenize(text, addSpecial: false, parseSpecial: false)
            #expect(tokens.flatMap { vocabulary.piece(of: $0, special: true) } == Array(text.utf8))
        }
    }

    @Test func tokensOutsideTheVocabularyHaveNoPiece() throws {
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-gpt-2.gguf", options: .init(vocabularyOnly: true)).vocabulary
        #expect(vocabulary.piece(of: -1).isEmpty)
        #expect(vocabulary.piece(of: Token(vocabulary.tokenCount)).isEmpty)
        #expect(vocabulary.tokenize("", addSpecial: false, parseSpecial: false).isEmpty)
    }

    @Test func controlTokensHaveNoBytesUnlessAskedFor() throws {
        let vocabulary = try LlamaModel(path: TestModel.path, options: .init(vocabularyOnly: true)).vocabulary
        let tokens = vocabulary.tokenize("<|im_end|>", addSpecial: false, parseSpecial: true)
        #expect(tokens.count == 1)
        #expect(vocabulary.isEndOfGeneration(tokens[0]))
        #expect(vocabulary.piece(of: tokens[0]).isEmpty)
        #expect(vocabulary.piece(of: tokens[0], special: true) == Array("<|im_end|>".utf8))
        #expect(vocabulary.tokenize("<|im_end|>", addSpecial: false, parseSpecial: false).count > 1)
    }

    @Test(arguments: [
        ("bert-bge", PairFormat.marks(beginning: 101, ending: 102, separator: nil)),
        ("nomic-bert-moe", PairFormat.marks(beginning: 0, ending: 2, separator: nil)),
        ("llama-spm", PairFormat.marks(beginning: 1, ending: nil, separator: nil)),
    ])
    func pairsHaveTheMarksThatTheTokenizerAdds(name: String, expected: PairFormat) throws {
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-\(name).gguf", options: .init(vocabularyOnly: true)).vocabulary
        #expect(vocabulary.pairFormat == expected)
    }

    @Test func aFileThatIsNoModelIsAnError() {
        #expect(throws: LlamaError.self) { try LlamaModel(path: #filePath) }
        #expect(throws: LlamaError.self) { try LlamaModel(path: "/nonexistent.gguf") }
    }
}
