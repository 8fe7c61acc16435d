import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Synchronization
import Testing

/// Stop strings in answers with a format: where they end the answer, and the cost of parsing.
@Suite(.timeLimit(.minutes(1))) struct AnswerReadingTests {
    /// A format in which '|' ends the reasoning and the content follows. Counts the bytes that it reads.
    private final class Format: AnswerFormat {
        let readBytes = Atomic<Int>(0)

        func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent {
            readBytes.add(text.utf8.count, ordering: .relaxed)
            let parts = text.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            return AnswerContent(content: parts.count == 2 ? String(parts[1]) : "", reasoning: String(parts[0]))
        }
    }

    private struct Template: ChatTemplate {
        let source = ""
        let format: Format

        func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
            RenderedPrompt(text: ">", thinking: ThinkingTags(start: "", ends: ["|"]), format: format)
        }
    }

    private func answer(_ text: String, stops: [String]) async throws -> (content: String, reasoning: String, tokens: Int?) {
        let bytes = Array(text.utf8)
        let limits = RunnerLimits(cells: 65_536, contextLength: 65_536, slots: 1, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: .init()) {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { tokens in tokens.count - 1 < bytes.count ? Token(bytes[tokens.count - 1]) : 300 }
        }
        let format = Format()
        let generator = LocalGenerator(
            vocabulary: ByteVocabulary(), template: Template(format: format), engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let answer = try await generator.generate(ChatRequest(messages: [ChatMessage(.user, "x")], stops: stops))
        var (content, reasoning): (String, String) = ("", "")
        var usage: Usage?
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let more, _)): content += more
            case .delta(_, .reasoning(let more)): reasoning += more
            case .ended(let all): usage = all
            default: break
            }
        }
        await generator.shutdown()
        return (content, reasoning, usage?.completionTokens)
    }

    @Test func aStopStringEndsTheContentAndNoThought() async throws {
        let (content, reasoning, tokens) = try await answer("a stop in a thought|one stop two", stops: ["stop"])
        #expect(reasoning == "a stop in a thought" && content == "one ")
        #expect(tokens == "a stop in a thought|one stop".utf8.count)
    }

    /// Stop strings in the reasoning do not end the answer and cost no repeated parsing. Each word of a long reasoning text is a stop string.
    @Test func stopStringsMeanNothingInALongThought() async throws {
        let thought = String(repeating: "so ", count: 1_000)
        let (content, reasoning, tokens) = try await answer(thought + "|Yes. so no", stops: ["so"])
        #expect(reasoning + " " == thought || reasoning == thought)
        #expect(content == "Yes. " && tokens == thought.utf8.count + "|Yes. so".utf8.count)
    }

    @Test func urgentReadingIsBounded() {
        let format = Format()
        var reader = AnswerReader(format, throttleFactor: 1e12)
        for _ in 0..<20_000 { _ = reader.push("12345678", isUrgent: true) }
        // Parsing at each stop string would read 1.6 GB.
        #expect(format.readBytes.load(ordering: .relaxed) < (1 << 20) + 65 * 160_000 + 160_000)
    }
}
