import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// The log probabilities of an answer's content belong to the tokens of the content, whatever the preceding reasoning contains.
@Suite(.timeLimit(.minutes(1))) struct ContentProbabilityTests {
    /// A format with reasoning between tags. The text after it, without leading white space, is the content.
    private struct Thoughts: AnswerFormat {
        var opens: Bool

        func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent {
            guard opens || text.hasPrefix("<think>") else {
                return "<think>".hasPrefix(text) && isPartial ? AnswerContent() : AnswerContent(content: text)
            }
            let rest = opens ? text[...] : text.dropFirst("<think>".count)
            for start in rest.indices where rest[start...].hasPrefix("</think>") {
                let content = rest[start...].dropFirst("</think>".count).drop { $0 == "\n" }
                return AnswerContent(content: String(content), reasoning: String(rest[..<start]))
            }
            return AnswerContent(reasoning: String(rest))
        }
    }

    private struct Template: ChatTemplate {
        let source = ""
        var opens: Bool

        func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
            RenderedPrompt(
                text: opens ? "say<think>" : "say>", generationPrompt: opens ? "<think>" : "",
                thinking: ThinkingTags(start: "<think>", ends: ["</think>"]), format: Thoughts(opens: opens))
        }
    }

    /// Returns the content of an answer and the positions of its tokens in the sequence, taken from their log probabilities.
    private func positions(_ answer: String, opens: Bool) async throws -> (text: String, positions: [Int], prompt: Int) {
        let (bytes, prompt) = (Array(answer.utf8), opens ? "say<think>".utf8.count : "say>".utf8.count)
        let limits = RunnerLimits(cells: 1024, contextLength: 1024, slots: 2, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test") {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { tokens in
                tokens.count - prompt < bytes.count ? Token(bytes[tokens.count - prompt]) : 300
            }
        }
        let generator = LocalGenerator(
            vocabulary: ByteVocabulary(), template: Template(opens: opens), engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var request = ChatRequest(messages: [ChatMessage(.user, "")])
        request.sampling.logprobs = 0
        let events = try await generator.generate(request)
        var (text, probabilities) = ("", [TokenProbability]())
        while let event = try await events.nextEvent() {
            guard case .delta(_, .content(let more, let tokens)) = event else { continue }
            text += more
            probabilities += tokens
        }
        await generator.shutdown()
        #expect(probabilities.flatMap(\.drawn.bytes).elementsEqual(text.utf8), "a text and its tokens are the same")
        return (text, probabilities.map { Int(-$0.drawn.logprob) }, prompt)
    }

    @Test(arguments: [
        ("<think>Paris, so I say Paris.</think>\n\nParis", false, "Paris"),
        ("Is it Paris? Paris it is.</think>\n\nParis it is.", true, "Paris it is."),
        // Content that repeats words of the tag or of the reasoning.
        ("<think></think>think", false, "think"), ("<think>a</think>h", false, "h"),
        // No reasoning, and text that resembles the tag.
        ("Paris", false, "Paris"), ("<thin ice", false, "<thin ice"),
    ]) func theContentsOwnTokensAreTold(answer: String, opens: Bool, content: String) async throws {
        let (text, positions, prompt) = try await positions(answer, opens: opens)
        #expect(text == content)
        let end = prompt + answer.utf8.count
        #expect(positions == Array(end - content.utf8.count..<end))
    }
}
