import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyLlama
import Testing

/// The engine over the real model: what only real weights can show.
@Suite(.serialized) struct LlamaRunnerTests {
    private static func start(context: Int = 512, slots: Int = 4) async throws -> (engine: EngineHandle, vocabulary: LlamaVocabulary) {
        let model = try await onOwnThread(named: "load") { try LlamaModel(path: TestModel.path) }
        let engine = try await EngineHandle.start(name: "engine") {
            try LlamaRunner(model: model, options: .init(contextLength: context, threads: 2, slots: slots))
        }
        return (engine, model.vocabulary)
    }

    private static func tokens(_ stream: TokenStream) async throws -> (tokens: [Token], cached: Int, reason: FinishReason?) {
        var (all, cached, reason) = ([Token](), 0, FinishReason?.none)
        while let delivery = try await stream.next() {
            all += delivery.tokens
            cached = delivery.start?.cachedTokens ?? cached
            reason = delivery.end?.reason ?? reason
        }
        return (all, cached, reason)
    }

    @Test func answersEndAndSeedsRepeat() async throws {
        let (engine, vocabulary) = try await Self.start()
        let prompt = vocabulary.tokenize("Once upon a time", addSpecial: true, parseSpecial: false)
        let draw = { (seed: Int64?, temperature: Float) async throws -> [Token] in
            let sampling = SamplingParameters(temperature: temperature, seed: seed)
            let stream = try engine.submit(SequenceRequest(prompt: prompt, maximumTokens: 12, sampling: sampling))
            return try await Self.tokens(stream).tokens
        }
        let first = try await draw(-7, 1)
        #expect(first.count == 12)
        let second = try await draw(-7, 1)
        #expect(second == first)
        let other = try await draw(8, 1)
        #expect(other != first)
        let greedy = try await draw(nil, 0)
        let seeded = try await draw(1, 0)
        #expect(greedy == seeded)
        await engine.shutdown()
    }

    @Test func aRepeatedPromptIsNotComputedAgain() async throws {
        let (engine, vocabulary) = try await Self.start()
        let prompt = vocabulary.tokenize("The quick brown fox jumps over the lazy dog and then", addSpecial: true, parseSpecial: false)
        let request = SequenceRequest(prompt: prompt, maximumTokens: 8, sampling: .init(temperature: 0))
        let fresh = try await Self.tokens(try engine.submit(request))
        let again = try await Self.tokens(try engine.submit(request))
        #expect(fresh.cached == 0)
        #expect(again.cached == prompt.count - 1)
        #expect(again.tokens == fresh.tokens)
        await engine.shutdown()
    }

    @Test func theContextsEndIsALength() async throws {
        let (engine, vocabulary) = try await Self.start(context: 64)
        let prompt = vocabulary.tokenize(String(repeating: "one two three ", count: 12), addSpecial: true, parseSpecial: false)
        let answer = try await Self.tokens(
            try engine.submit(SequenceRequest(prompt: prompt, maximumTokens: 1000, sampling: .init(temperature: 1, seed: 3))))
        #expect(answer.reason == .length)
        #expect(prompt.count + answer.tokens.count == 64)
        await engine.shutdown()
    }

    @Test func moreSequencesThanSlotsAllEnd() async throws {
        let (engine, vocabulary) = try await Self.start(context: 256, slots: 3)
        let streams = try (0..<8).map { index in
            let prompt = vocabulary.tokenize("Number \(index) is", addSpecial: true, parseSpecial: false)
            return try engine.submit(SequenceRequest(prompt: prompt, maximumTokens: 10, sampling: .init(temperature: 1, seed: Int64(index))))
        }
        for stream in streams {
            let answer = try await Self.tokens(stream)
            #expect(answer.reason != nil)
            #expect(!answer.tokens.isEmpty || answer.reason == .stop)
        }
        #expect(engine.statistics.cellsUsed <= engine.limits.cells)
        await engine.shutdown()
    }
}
