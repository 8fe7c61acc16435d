import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// All texts of clients are tokenized within the budget of their request.
@Suite(.timeLimit(.minutes(1))) struct TokenizerBudgetTests {
    /// A vocabulary for which every budget ends in a text of more than 8 bytes.
    private struct StoppingVocabulary: Vocabulary {
        let tokenCount = 256
        let longest = 8

        func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] { text.utf8.map { Token($0) } }

        func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool, parseSpecial: Bool, within work: WorkBudget) throws -> [Token] {
            guard prompt.text.utf8.count <= longest else { throw WorkStopped.tooLong(seconds: work.seconds ?? 0) }
            return tokenize(prompt.text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        }

        func piece(of token: Token, special: Bool) -> [UInt8] { [UInt8(truncatingIfNeeded: token)] }
    }

    private struct EmbeddingModel: EmbeddingRunner {
        let limits = EmbeddingLimits(contextLength: 64, batchTokens: 64, batchTexts: 4, dimensions: 1)

        func run(_ texts: [[Token]]) throws -> [[Float]] { texts.map { _ in [1] } }
    }

    private let long = "a text beyond the budget"

    private func generator() async throws -> LocalGenerator {
        let limits = RunnerLimits(cells: 1024, contextLength: 256, slots: 4, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: .init(queue: 4)) {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { _ in 300 }
        }
        return LocalGenerator(
            vocabulary: StoppingVocabulary(), template: PlainTemplate(), engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func expectTooLong(_ work: () async throws -> Void) async {
        let error = await #expect(throws: GenerationError.self) { try await work() }
        if case .beyondLimit(let reason) = error {
            #expect(reason.contains("20 s"))
        } else {
            Issue.record("\(String(describing: error))")
        }
    }

    @Test func promptsStopWithTheirBudget() async throws {
        let generator = try await generator()
        let conversation = Conversation(messages: [ChatMessage(.user, long)])
        await expectTooLong { _ = try await generator.prepare(conversation) }
        await expectTooLong { _ = try await generator.generate(ChatRequest(messages: [ChatMessage(.user, long)]), terms: ServiceTerms()) }
        var predicted = ChatRequest(messages: [ChatMessage(.user, "short")])
        predicted.prediction = long
        await expectTooLong { [predicted] in _ = try await generator.generate(predicted, terms: ServiceTerms()) }
        let text = TextRequest(
            prompts: [.text(long)], suffix: nil, maximumTokens: 1, sampling: SamplingParameters(), stops: [], choices: 1)
        await expectTooLong { _ = try await generator.complete(text, terms: ServiceTerms()) }
        let tokenizer = generator.backend(fingerprint: "test").tokenizer
        await expectTooLong { _ = try await tokenizer.tokenize(long, addSpecial: true, parseSpecial: true) }
        #expect(try await tokenizer.tokenize("short", addSpecial: true, parseSpecial: true).count == 5)
        await generator.shutdown()
    }

    @Test func embeddingsAndRanksStopWithTheirBudget() async throws {
        let engine = try await EmbeddingEngine.start(name: "test") { EmbeddingModel() }
        let embedder = LocalEmbedder(vocabulary: StoppingVocabulary(), engine: engine)
        let reranker = LocalReranker(vocabulary: StoppingVocabulary(), engine: engine)
        await expectTooLong { _ = try await embedder.embed(EmbeddingRequest(inputs: [.text(long)], dimensions: nil), terms: ServiceTerms()) }
        await expectTooLong { _ = try await reranker.rerank(RerankRequest(query: long, documents: ["short"]), terms: ServiceTerms()) }
        await expectTooLong { _ = try await reranker.rerank(RerankRequest(query: "short", documents: [long]), terms: ServiceTerms()) }
        await engine.shutdown()
    }
}
