import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Synchronization
import Testing

/// Answers with a format: where stop strings and calls end them, and the cost of parsing.
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

    /// A format of calls alone, each with a name and arguments in braces.
    private struct Calls: AnswerFormat {
        func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent {
            var content = AnswerContent()
            var rest = text[...]
            while !rest.isEmpty {
                let begin = rest.firstIndex(of: "{") ?? rest.endIndex
                let end = rest.firstIndex(of: "}").map { rest.index(after: $0) } ?? rest.endIndex
                content.calls.append(.init(name: String(rest[..<begin]), arguments: String(rest[begin..<end])))
                rest = rest[end...]
            }
            return content
        }
    }

    private struct Template: ChatTemplate {
        let source = ""
        let format: any AnswerFormat
        var thinking: ThinkingTags?

        func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
            RenderedPrompt(text: ">", thinking: thinking, format: format)
        }
    }

    /// The concatenated parts of an answer, and its end.
    private struct Parts {
        var content = ""
        var reasoning = ""
        var calls: [String] = []
        var reason: FinishReason?
        var tokens: Int?
    }

    private func answer(_ text: String, to request: ChatRequest, _ template: Template) async throws -> Parts {
        let bytes = Array(text.utf8)
        let limits = RunnerLimits(cells: 65_536, contextLength: 65_536, slots: 1, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: .init()) {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { tokens in tokens.count - 1 < bytes.count ? Token(bytes[tokens.count - 1]) : 300 }
        }
        let generator = LocalGenerator(
            vocabulary: ByteVocabulary(), template: template, engine: engine, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let answer = try await generator.generate(request)
        var parts = Parts()
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let more, _)): parts.content += more
            case .delta(_, .reasoning(let more)): parts.reasoning += more
            case .delta(_, .call(_, _, let name)): parts.calls.append(name)
            case .delta(_, .arguments(let index, let more)): parts.calls[index] += more
            case .finished(_, let reason): parts.reason = reason
            case .ended(let usage): parts.tokens = usage.completionTokens
            default: break
            }
        }
        await generator.shutdown()
        return parts
    }

    private func answer(_ text: String, stops: [String]) async throws -> (content: String, reasoning: String, tokens: Int?) {
        let template = Template(format: Format(), thinking: ThinkingTags(start: "", ends: ["|"]))
        let parts = try await answer(text, to: ChatRequest(messages: [ChatMessage(.user, "x")], stops: stops), template)
        return (parts.content, parts.reasoning, parts.tokens)
    }

    /// An answer with calls ends at the same token in each run, however the engine delivers its tokens.
    @Test(arguments: [
        (String(repeating: "a{1}", count: 2_000), true, ["a{1}"], 8),
        (String(repeating: "a{1}b{2}", count: 1_000), true, ["a{1}", "b{2}"], 12),
        ("a{1}b{2}" + String(repeating: "c{3}", count: 1_000), false, ["a{1}"], 6),
    ])
    func callsEndAnAnswerAtTheSameToken(text: String, allowsParallelCalls: Bool, calls: [String], tokens: Int) async throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "x")])
        request.conversation.tools = ["a", "b", "c"].map { Tool(name: $0) }
        request.conversation.toolChoice = ToolChoice(.auto)
        request.conversation.allowsParallelCalls = allowsParallelCalls
        for _ in 0..<5 {
            let parts = try await answer(text, to: request, Template(format: Calls()))
            #expect(parts.calls == calls && parts.tokens == tokens && parts.reason == .toolCalls)
        }
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
