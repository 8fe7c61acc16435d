import CLlama
import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyLlama
import Testing

extension ComputingTests {
    /// Tests of the engine that need real weights.
    @Suite struct Runner {
        private static func start(context: Int = 512, slots: Int = 4) async throws -> (engine: EngineHandle, vocabulary: LlamaVocabulary) {
            CPUKernels.install(.auto)
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

        /// The scores of a prompt's tokens equal llama.cpp's scores of the whole prompt, whatever the chunks.
        @Test func promptsAreScoredAsLlamaComputesThem() async throws {
            let (engine, vocabulary) = try await Self.start()
            let prompt = vocabulary.tokenize(
                String(repeating: "The capital of France is Paris, and the capital of Italy is Rome. ", count: 6), addSpecial: true,
                parseSpecial: false)
            var sampling = SamplingParameters(temperature: 0)
            sampling.logprobs = 2
            var request = SequenceRequest(prompt: prompt, maximumTokens: 0, sampling: sampling)
            request.scoresPrompt = true
            var scores: [TokenLogprobs] = []
            let stream = try engine.submit(request)
            while let delivery = try await stream.next() { scores += delivery.promptLogprobs }
            #expect(scores.map(\.drawn.token) == Array(prompt.dropFirst()))
            let expected = try await onOwnThread(named: "reference") { try Self.referenceLogprobs(of: prompt) }
            for (index, (score, logprob)) in zip(scores, expected).enumerated() {
                #expect(abs(Double(score.drawn.logprob) - logprob) < 0.02, "token \(index)")
                #expect(score.top.count == 2 && score.top[0].logprob >= score.top[1].logprob)
            }
            await engine.shutdown()
        }

        /// Returns the log probabilities in double precision, from the logits of one call of llama.cpp.
        private static func referenceLogprobs(of tokens: [Token]) throws -> [Double] {
            let model = try #require(llama_model_load_from_file(TestModel.path, llama_model_default_params()))
            defer { llama_model_free(model) }
            let vocabulary = Int(llama_vocab_n_tokens(llama_model_get_vocab(model)))
            var parameters = llama_context_default_params()
            (parameters.n_ctx, parameters.n_batch, parameters.n_ubatch) = (512, 512, 512)
            (parameters.n_threads, parameters.n_threads_batch, parameters.n_outputs_max) = (2, 2, 512)
            let context = try #require(llama_init_from_model(model, parameters))
            defer { llama_free(context) }
            var batch = llama_batch_init(Int32(tokens.count), 0, 1)
            defer { llama_batch_free(batch) }
            for (index, token) in tokens.enumerated() {
                (batch.token[index], batch.pos[index], batch.n_seq_id[index], batch.logits[index]) = (token, llama_pos(index), 1, 1)
                batch.seq_id[index]![0] = 0
            }
            batch.n_tokens = Int32(tokens.count)
            try #require(llama_decode(context, batch) == 0)
            return (0..<tokens.count - 1).map { index in
                let logits = UnsafeBufferPointer(start: llama_get_logits_ith(context, Int32(index)), count: vocabulary)
                let greatest = Double(logits.max()!)
                let total = logits.reduce(0.0) { $0 + exp(Double($1) - greatest) }
                return Double(logits[Int(tokens[index + 1])]) - greatest - log(total)
            }
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

        /// With Shimmy's kernels, the sums of a row depend only on the row, so that an answer depends only on its request.
        @Test(.enabled(if: CPUKernels.bestInstructionSet != nil))
        func anAnswerIsTheSameAloneAndInEveryCompany() async throws {
            let openings = ["Once upon a time", "The capital of France is", "To make bread, first", "In the year 2050"]
            let endings = [" there was", ", and then she said that", " a", "", " because the sea", " 1, 2, 3,"]
            let (solo, vocabulary) = try await Self.start(context: 1024, slots: 1)
            let requests = openings.flatMap { opening in
                endings.map { ending in
                    let prompt = vocabulary.tokenize(opening + ending, addSpecial: true, parseSpecial: false)
                    return SequenceRequest(prompt: prompt, maximumTokens: 24, sampling: .init(temperature: 0))
                }
            }
            var alone: [[Token]] = []
            for request in requests { alone.append(try await Self.tokens(try solo.submit(request)).tokens) }
            await solo.shutdown()
            // All together: shared prefixes, many sequences in a step, more sequences than slots, and too few cells.
            let (busy, _) = try await Self.start(context: 300, slots: 9)
            let streams = try requests.map { try busy.submit($0) }
            for (index, stream) in streams.enumerated() {
                let answer = try await Self.tokens(stream)
                #expect(answer.tokens == alone[index], "request \(index)")
            }
            await busy.shutdown()
        }

        /// Generates tokens in a new context. The context is freed afterwards, so that the next one can get its memory. Returns the tokens and the
        /// state of the prompt without its last token.
        /// - state: such a state of an earlier context; nil to compute the prompt.
        private static func answer(to prompt: [Token], _ model: LlamaModel, from state: [UInt8]? = nil) throws -> (tokens: [Token], state: [UInt8]?) {
            let runner = try LlamaRunner(model: model, options: .init(contextLength: 512, threads: 2, slots: 2))
            func run(_ tokens: [Token], at start: Int, _ kind: Batch.Chunk.Kind) throws -> [Token] {
                let chunk = Batch.Chunk(
                    sequence: SequenceID(1), slot: 0, start: PrefixLength(tokens: start), content: .tokens(tokens), kind: kind)
                return try runner.run(Batch(chunks: [chunk])).flatMap(\.tokens)
            }
            runner.addSequence(SequenceID(1), sampling: SequenceSampling(SamplingParameters(temperature: 0)))
            if let state {
                #expect(runner.restore(slot: 0, from: state))
            } else {
                _ = try run(Array(prompt.dropLast()), at: 0, .prefill)
            }
            let saved = runner.state(slot: 0)
            var known = prompt
            for _ in 0..<40 { known += try run(Array(known.suffix(1)), at: known.count - 1, .prefillEnd) }
            return (Array(known.dropFirst(prompt.count)), saved)
        }

        /// Uses the cells of a context in another order than that of their numbers.
        private static func useCells(_ model: LlamaModel) throws {
            let runner = try LlamaRunner(model: model, options: .init(contextLength: 512, threads: 2, slots: 2))
            func run(slot: Int, at start: Int) throws {
                let chunk = Batch.Chunk(
                    sequence: SequenceID(UInt64(slot)), slot: slot, start: PrefixLength(tokens: start),
                    content: .tokens(Array(repeating: 100, count: 40)), kind: .prefill)
                _ = try runner.run(Batch(chunks: [chunk]))
            }
            for slot in 0...1 { runner.addSequence(SequenceID(UInt64(slot)), sampling: SequenceSampling(SamplingParameters())) }
            try run(slot: 0, at: 0)
            try run(slot: 1, at: 0)
            runner.perform(.truncate(slot: 0, length: PrefixLength(tokens: 0)))
            try run(slot: 1, at: 40)
        }

        /// A new context computes as one before it did, also in the memory of a freed one, and from a state that it restores.
        @Test(.enabled(if: CPUKernels.bestInstructionSet != nil))
        func anAnswerIsTheSameAfterAReloadAndARestore() async throws {
            CPUKernels.install(.auto)
            let answers = try await onOwnThread(named: "reload") { () throws -> [[Token]] in
                let model = try LlamaModel(path: TestModel.path)
                let text = "Once upon a time, in a small town by the sea, there lived a man who"
                let prompt = model.vocabulary.tokenize(text, addSpecial: true, parseSpecial: false)
                let first = try Self.answer(to: prompt, model)
                try Self.useCells(model)
                let reloaded = try Self.answer(to: prompt, model)
                try Self.useCells(model)
                let restored = try Self.answer(to: prompt, model, from: first.state)
                return [first.tokens, reloaded.tokens, restored.tokens]
            }
            #expect(answers[0].count == 40 && answers[1] == answers[0] && answers[2] == answers[0])
        }

        /// Long answers are the same alone and together with others: with preemption for lack of cells, with accepted and rejected drafts, and with
        /// seeded sampling.
        @Test(.enabled(if: CPUKernels.bestInstructionSet != nil), arguments: [Float(0), 0.8])
        func longAnswersAreTheSameAloneAndWhereThereIsNoRoom(temperature: Float) async throws {
            let (solo, vocabulary) = try await Self.start(context: 400, slots: 1)
            let requests = ["Once upon a time", "The capital of France is", "One, two, one, two, one, two,", "Once upon a time there", "The sea"]
                .enumerated().map { index, text in
                    SequenceRequest(
                        prompt: vocabulary.tokenize(text, addSpecial: true, parseSpecial: false), maximumTokens: 200,
                        sampling: .init(temperature: temperature, seed: Int64(index)))
                }
            var alone: [[Token]] = []
            for request in requests { alone.append(try await Self.tokens(try solo.submit(request)).tokens) }
            await solo.shutdown()
            let (busy, _) = try await Self.start(context: 400, slots: 6)
            let streams = try requests.map { try busy.submit($0) }
            for (index, stream) in streams.enumerated() {
                let answer = try await Self.tokens(stream)
                #expect(answer.tokens == alone[index], "request \(index)")
            }
            #expect(busy.statistics.counters.preemptions > 0)
            await busy.shutdown()
        }
    }
}
