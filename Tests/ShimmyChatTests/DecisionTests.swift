import Foundation
import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Decisions with a scripted model whose tokens are bytes, and whose log probabilities depend on the byte alone.
@Suite(.timeLimit(.minutes(1))) struct DecisionTests {
    /// A template that writes each message twice.
    private struct TwiceTemplate: ChatTemplate {
        let source = ""

        func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
            let text = try PlainTemplate().render(conversation, holding: schemas).text
            return RenderedPrompt(text: text + "\n" + text)
        }
    }

    /// A template whose prompts end before a header of the answer.
    private struct HeaderTemplate: ChatTemplate {
        let source: String
        let end: String

        func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
            RenderedPrompt(text: try PlainTemplate().render(conversation, holding: schemas).text + end)
        }
    }

    private func generator(
        contextLength: Int = 512, running: Int = 4, queue: Int = 256, template: any ChatTemplate = PlainTemplate()
    ) async throws -> LocalGenerator {
        let limits = RunnerLimits(
            cells: max(4096, contextLength), contextLength: contextLength, slots: 2 * running, running: running, batchTokens: 128, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: .init(queue: queue)) { ScriptedRunner(limits: limits) { _ in 65 } }
        return LocalGenerator(
            vocabulary: ByteVocabulary(), template: template, engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func request(_ questions: [DecisionRequest.Question], about text: String = "input") -> DecisionRequest {
        DecisionRequest(conversation: Conversation(messages: [ChatMessage(.user, text)]), questions: questions)
    }

    /// Returns the probabilities of labels, none of which is the beginning of another one.
    private func expected(_ labels: [String]) -> [Double] {
        let sums = labels.map { $0.utf8.reduce(0.0) { $0 + Double(ScriptedRunner.alternativeScore(Token($1))) } }
        let total = sums.map { exp($0) }.reduce(0, +)
        return sums.map { exp($0) / total }
    }

    private func close(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test func labelsAreRatedByAllTheirTokens() async throws {
        let generator = try await generator()
        let labels = ["red", "rest", "blue"]
        let result = try await generator.decide(request([.init(text: "color?", labels: labels)]), terms: ServiceTerms())
        #expect(close(result.probabilities[0], expected(labels)))
        // The input and a line break, then the question.
        #expect(result.usage == Usage(promptTokens: 6 + 6, cachedPromptTokens: 0, completionTokens: 0))
        let again = try await generator.decide(request([.init(text: "color?", labels: labels)]), terms: ServiceTerms())
        #expect(again.probabilities == result.probabilities)
        #expect(again.usage.cachedPromptTokens == 11)
        await generator.shutdown()
    }

    @Test func manyQuestionsGetTheSameNumbersInAnyOrder() async throws {
        let generator = try await generator(running: 3, queue: 4)
        let questions = (0..<60).map { DecisionRequest.Question(text: "question \($0)?", labels: ["yes \($0)", "no", "none \($0)"]) }
        let together = try await generator.decide(request(questions), terms: ServiceTerms())
        let reversed = try await generator.decide(request(questions.reversed()), terms: ServiceTerms())
        #expect(together.probabilities == reversed.probabilities.reversed())
        for (question, probabilities) in zip(questions, together.probabilities) {
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-12)
            let alone = try await generator.decide(request([question]), terms: ServiceTerms())
            #expect(alone.probabilities[0] == probabilities)
        }
        while generator.statistics.running + generator.statistics.queued > 0 { await Task.yield() }
        await generator.shutdown()
    }

    /// The labels are rated where the content of the answer begins.
    @Test(arguments: [
        ("x<|channel|>final<|message|>y", "<|start|>assistant", 27), ("<|content|>", "<|begin|>assistant", 11), (">>>all", ">>>", 4),
        ("<|START_TEXT|>", "<|START_THINKING|><|END_THINKING|>", 14), ("<atem:function_calls>", "<|start|>assistant", 19),
        ("no header", "<|start|>assistant", 0), ("<|channel|>final<|message|>", "<|im_start|>", 0),
    ])
    func headersOfTheContentAreWritten(source: String, end: String, added: Int) async throws {
        let generator = try await generator(template: HeaderTemplate(source: source, end: end))
        for text in ["color?", nil] as [String?] {
            let result = try await generator.decide(request([.init(text: text, labels: ["red", "blue"])]), terms: ServiceTerms())
            #expect(result.usage.promptTokens == "input".utf8.count + (text.map { 1 + $0.utf8.count } ?? 0) + end.utf8.count + added)
            #expect(close(result.probabilities[0], expected(["red", "blue"])))
        }
        await generator.shutdown()
    }

    /// Each prompt is then rendered by itself.
    @Test func aTemplateMayWriteAQuestionTwice() async throws {
        let generator = try await generator(template: TwiceTemplate())
        let labels = ["a", "b"]
        let result = try await generator.decide(
            request([.init(text: "one?", labels: labels), .init(text: "two?", labels: labels)]), terms: ServiceTerms())
        #expect(result.probabilities.count == 2 && close(result.probabilities[1], expected(labels)))
        // Twice "input", a line break and the question, with a line break between them.
        #expect(result.usage.promptTokens == 2 * 21)
        await generator.shutdown()
    }

    @Test func aCompleteConversationNeedsNoQuestion() async throws {
        let generator = try await generator()
        let labels = ["safe", "unsafe\nS1"]
        let result = try await generator.decide(request([.init(text: nil, labels: labels, lead: "\n\n")]), terms: ServiceTerms())
        #expect(close(result.probabilities[0], expected(labels)))
        #expect(result.usage.promptTokens == 5)
        await generator.shutdown()
    }

    @Test func whatCannotBeRatedIsRefused() async throws {
        let generator = try await generator(contextLength: 32)
        await #expect(throws: GenerationError.badLabel(question: 1, label: 1, "the model cannot distinguish it from another one")) {
            try await generator.decide(
                request([.init(text: "?", labels: ["a", "b"]), .init(text: "?", labels: ["c", "c"])]), terms: ServiceTerms())
        }
        await #expect(throws: GenerationError.contextExceeded(prompt: 33, requested: nil, context: 32)) {
            let input = String(repeating: "i", count: 30)
            _ = try await generator.decide(request([.init(text: "?", labels: ["a", "b"])], about: input), terms: ServiceTerms())
        }
        let reason = "with it, the prompt has 33 tokens, but the model's context has only 32"
        await #expect(throws: GenerationError.badLabel(question: 0, label: nil, reason)) {
            try await generator.decide(request([.init(text: String(repeating: "q", count: 26), labels: ["a", "b"])]), terms: ServiceTerms())
        }
        await #expect(throws: GenerationError.badLabel(question: 0, label: 1, reason)) {
            let labels = ["a", String(repeating: "b", count: 26)]
            _ = try await generator.decide(request([.init(text: "?", labels: labels)]), terms: ServiceTerms())
        }
        await generator.shutdown()
    }

    @Test func theTokensOfAllLabelsAreLimited() async throws {
        let generator = try await generator()
        let labels = (0..<200).map { "\($0)" + String(repeating: "x", count: 60) }
        let reason = "the choices of all questions up to this one have more than 10000 tokens to rate"
        await #expect(throws: GenerationError.badLabel(question: 1, label: nil, reason)) {
            try await generator.decide(
                request([.init(text: "?", labels: ["a", "b"]), .init(text: "?", labels: labels)]), terms: ServiceTerms())
        }
        await generator.shutdown()
    }

    /// A template that repeats the question gives each question a whole prompt, so that the input counts once for each of them.
    @Test func theTokensOfAllQuestionsAreLimited() async throws {
        let generator = try await generator(contextLength: 1 << 20, template: TwiceTemplate())
        let questions = (0..<3).map { DecisionRequest.Question(text: "\($0)?", labels: ["a", "b"]) }
        let reason = "the prompts of all questions up to this one have more than 1048576 tokens"
        let input = String(repeating: "words ", count: 40_000)
        await #expect(throws: GenerationError.badLabel(question: 2, label: nil, reason)) {
            try await generator.decide(request(questions, about: input), terms: ServiceTerms())
        }
        await generator.shutdown()
    }

    @Test func aCancelledDecisionEnds() async throws {
        let generator = try await generator()
        let questions = (0..<200).map { DecisionRequest.Question(text: "question \($0)?", labels: ["yes", "no"]) }
        let work = request(questions)
        let task = Task { try await generator.decide(work, terms: ServiceTerms()) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        while generator.statistics.running + generator.statistics.queued > 0 { await Task.yield() }
        await generator.shutdown()
    }
}
