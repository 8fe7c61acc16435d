import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyTestSupport
import Testing

/// The path from a conversation to text events, with a scripted model that generates the bytes of a given answer.
@Suite(.timeLimit(.minutes(1))) struct LocalGeneratorTests {
    private func generator(answer: String, contextLength: Int = 256, queue: Int = 256, refusal: String? = nil) async throws -> LocalGenerator {
        let bytes = Array(answer.utf8)
        let limits = RunnerLimits(cells: 1024, contextLength: contextLength, slots: 4, batchTokens: 64, canRewind: true)
        // The prompt ends with '>'; the tokens after it are the answer.
        let engine = try await EngineHandle.start(name: "test", options: .init(queue: queue)) {
            ScriptedRunner(limits: limits, endOfGeneration: 300) { tokens in
                let said = tokens.count - 1 - tokens.lastIndex(of: 62)!
                return said < bytes.count ? Token(bytes[said]) : 300
            }
        }
        return LocalGenerator(
            vocabulary: ByteVocabulary(), template: PlainTemplate(refusal: refusal), engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func events(_ answer: sending Answer) async throws -> (text: String, reason: FinishReason?, usage: Usage?) {
        var text = ""
        var reason: FinishReason?
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let more, _)):
                #expect(!more.isEmpty && reason == nil)
                text += more
            case .prompt: Issue.record("nobody asked how likely the prompt is")
            case .delta: Issue.record("this model has nothing but content")
            case .idle: Issue.record("nobody asked for a sign of life")
            case .fact(_, .tokens): Issue.record("nobody asked for the tokens")
            case .fact: continue
            case .finished(_, let end): reason = end
            case .ended(let usage):
                #expect(try await answer.nextEvent() == nil)
                return (text, reason, usage)
            }
        }
        return (text, reason, nil)
    }

    private func ask(_ text: String, maximumTokens: Int? = nil, stops: [String] = [], choices: Int = 1) -> ChatRequest {
        var request = ChatRequest(messages: [ChatMessage(.user, text)], maximumTokens: maximumTokens, stops: stops)
        request.choices = choices
        return request
    }

    @Test func anAnswerToItsEnd() async throws {
        let generator = try await generator(answer: "Grüße 😀!")
        let (text, reason, usage) = try await events(generator.generate(ask("say>")))
        #expect(text == "Grüße 😀!" && reason == .stop)
        // Each byte is a token; EOG is one more.
        #expect(usage == Usage(promptTokens: 4, cachedPromptTokens: 0, completionTokens: "Grüße 😀!".utf8.count + 1))
        await generator.shutdown()
    }

    @Test func anAnswerToItsLimit() async throws {
        let generator = try await generator(answer: "a long answer")
        let (text, reason, usage) = try await events(generator.generate(ask("say>", maximumTokens: 6)))
        #expect(text == "a long" && reason == .length && usage?.completionTokens == 6)
        await generator.shutdown()
    }

    private struct Refused: Error, Equatable {
        let promptTokens: Int
    }

    @Test func aPromptIsAdmittedBeforeItIsComputed() async throws {
        let generator = try await generator(answer: "a long answer")
        let chat = ask("say>", maximumTokens: 6)
        let text = TextRequest(prompts: [.text("say>")], suffix: nil, maximumTokens: 6, sampling: .init(), stops: [], choices: 1)
        let length = try await generator.prepare(chat.conversation).tokens.count
        var terms = ServiceTerms(maximumTokens: 5)
        terms.admission = { throw Refused(promptTokens: $0) }
        let refused = terms
        await #expect(throws: Refused(promptTokens: length)) { _ = try await generator.generate(chat, terms: refused) }
        await #expect(throws: Refused.self) { _ = try await generator.complete(text, terms: refused) }
        terms.admission = { _ in 3 }
        let answer = try await generator.generate(chat, terms: terms)
        #expect(answer.report.limitedTokens == 3)
        #expect(try await events(answer).text == "a l")
        let continued = try await generator.complete(text, terms: terms)
        #expect(continued.report.limitedTokens == 3)
        await generator.shutdown()
    }

    @Test func anAnswerToTheLimitOfItsOwner() async throws {
        let generator = try await generator(answer: "a long answer")
        for asked in [nil, 4, 6, 1000] {
            let answer = try await generator.generate(ask("say>", maximumTokens: asked), terms: ServiceTerms(maximumTokens: 4))
            let limited = answer.report.limitedTokens
            #expect(limited == (asked ?? 0 > 4 ? 4 : nil))
            let (text, reason, _) = try await events(answer)
            #expect(text == "a lo" && reason == .length)
        }
        let prompt = TextRequest(prompts: [.text("say>")], suffix: nil, maximumTokens: 1000, sampling: .init(), stops: [], choices: 1)
        let answer = try await generator.complete(prompt, terms: ServiceTerms(maximumTokens: 3))
        #expect(answer.report.limitedTokens == 3)
        #expect(try await events(answer).text == "a l")
        await generator.shutdown()
    }

    @Test func anAnswerToAStopString() async throws {
        let generator = try await generator(answer: "one two three")
        let (text, reason, usage) = try await events(generator.generate(ask("say>", stops: ["two", "unseen"])))
        #expect(text == "one " && reason == .stop && usage?.completionTokens == 7)
        while generator.statistics.running > 0 { await Task.yield() }
        await generator.shutdown()
    }

    @Test func factsAboutAnAnswer() async throws {
        let generator = try await generator(answer: "one two three")
        let answer = try await generator.generate(ask("say>", stops: ["unseen", "two"]))
        var kinds: [String] = []
        while let event = try await answer.nextEvent() {
            switch event {
            case .fact(_, .begun): #expect(kinds.isEmpty)
            case .fact(_, .promptComputed(let usage)):
                #expect(usage == Usage(promptTokens: 4, cachedPromptTokens: 0, completionTokens: 0))
                kinds.append("prompt")
            case .fact(_, .stopped(let stop)):
                #expect(stop == "two")
                kinds.append("stop")
            case .finished: kinds.append("end")
            default: if kinds.last != "part" { kinds.append("part") }
            }
        }
        #expect(kinds == ["prompt", "part", "stop", "end", "part"], "the last event is the usage")
        await generator.shutdown()
    }

    /// The tokens that an answer returns, and from which a later one continues.
    @Test(arguments: [("abc", 9, "say>abc"), ("abc", 2, "say>ab"), ("a!bc", 9, "say>a!")])
    func anAnswerCanReturnItsTokens(said: String, limit: Int, all: String) async throws {
        let generator = try await generator(answer: said)
        var request = ask("say>", maximumTokens: limit, stops: ["!"])
        request.wantsTokens = true
        let answer = try await generator.generate(request)
        var tokens: [Token]?
        while let event = try await answer.nextEvent() {
            if case .fact(0, .tokens(let found)) = event { tokens = found }
            if case .finished = event { #expect(tokens != nil, "the tokens come before the end") }
        }
        // The stop string is a token of the answer, although not of its text.
        #expect(tokens == all.utf8.map { Token($0) })
        await generator.shutdown()
    }

    @Test func anAnswerContinuesEarlierTokens() async throws {
        let generator = try await generator(answer: "abc")
        var request = ask("more>")
        (request.preceding, request.wantsTokens) = ("say>abc".utf8.map { Token($0) }, true)
        let answer = try await generator.generate(request)
        var usage: Usage?
        while let event = try await answer.nextEvent() {
            if case .fact(_, .tokens(let tokens)) = event { #expect(tokens == "say>abcmore>abc".utf8.map { Token($0) }) }
            if case .ended(let all) = event { usage = all }
        }
        #expect(usage?.promptTokens == "say>abcmore>".utf8.count)
        var unknown = request
        unknown.preceding = [1, 999]
        var long = request
        long.preceding = Array(repeating: 1, count: 300)
        for (refused, error) in [
            (unknown, GenerationError.unknownPromptToken(prompt: 0, 999)),
            (long, .contextExceeded(prompt: 305, requested: nil, context: 256)),
        ] {
            await #expect(throws: error) { _ = try await generator.generate(refused) }
        }
        await generator.shutdown()
    }

    @Test func aLimitBeyondTheContextCanBeReduced() async throws {
        let generator = try await generator(answer: "abc")
        let strict = TextRequest(prompts: [.text("say>")], suffix: nil, maximumTokens: 1000, sampling: .init(), stops: [], choices: 1)
        await #expect(throws: GenerationError.contextExceeded(prompt: 4, requested: 1000, context: 256)) {
            _ = try await generator.complete(strict, terms: ServiceTerms())
        }
        var reduced = strict
        reduced.clampsMaximumTokens = true
        #expect(try await events(generator.complete(reduced, terms: ServiceTerms())).text == "abc")
        var long = reduced
        long.prompts = [.text(String(repeating: ">", count: 256))]
        let full = long
        await #expect(throws: GenerationError.contextExceeded(prompt: 256, requested: nil, context: 256)) {
            _ = try await generator.complete(full, terms: ServiceTerms())
        }
        await generator.shutdown()
    }

    @Test func severalChoicesCountThePromptOnce() async throws {
        let generator = try await generator(answer: "abc")
        var request = ask("say>")
        request.choices = 3
        let answer = try await generator.generate(request)
        var texts: [Int: String] = [:]
        var ended: [Int] = []
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(let choice, .content(let text, _)): texts[choice, default: ""] += text
            case .prompt, .delta, .fact, .idle: continue
            case .finished(let choice, let reason):
                #expect(reason == .stop)
                ended.append(choice)
            case .ended(let usage): #expect(usage == Usage(promptTokens: 4, cachedPromptTokens: 0, completionTokens: 12))
            }
        }
        #expect(texts == [0: "abc", 1: "abc", 2: "abc"] && ended.sorted() == [0, 1, 2])
        await generator.shutdown()
    }

    @Test func anAnswerThatIsDroppedEndsAllChoices() async throws {
        let generator = try await generator(answer: String(repeating: "long ", count: 40))
        var request = ask("say>")
        request.choices = 3
        var answer: Answer? = try await generator.generate(request)
        _ = try await answer?.nextEvent()
        answer = nil
        while generator.statistics.running + generator.statistics.waiting > 0 { await Task.yield() }
        await generator.shutdown()
    }

    @Test func aLimitInTheMiddleOfACharacter() async throws {
        let generator = try await generator(answer: "é!")
        #expect(try await events(generator.generate(ask(">", maximumTokens: 1))).text == "")
        var request = ask(">", maximumTokens: 1)
        request.sampling.logprobs = 0
        let answer = try await generator.generate(request)
        var bytes: [UInt8] = []
        while let event = try await answer.nextEvent() {
            if case .delta(_, .content(let text, let tokens)) = event {
                #expect(text.isEmpty)
                bytes += tokens.flatMap(\.drawn.bytes)
            }
        }
        #expect(bytes == [0xC3], "the token keeps its log probability")
        await generator.shutdown()
    }

    @Test func whatCannotBeServedIsRefusedBeforeAnyWork() async throws {
        let generator = try await generator(answer: "x", contextLength: 16)
        await #expect(throws: GenerationError.contextExceeded(prompt: 20, requested: nil, context: 16)) {
            _ = try await generator.generate(ask(String(repeating: ">", count: 20)))
        }
        await #expect(throws: GenerationError.contextExceeded(prompt: 4, requested: 13, context: 16)) {
            _ = try await generator.generate(ask("say>", maximumTokens: 13))
        }
        await #expect(throws: GenerationError.emptyPrompt) { _ = try await generator.generate(ask("")) }
        #expect(generator.statistics.steps == 0)
        await generator.shutdown()
    }

    @Test func errorsAboutAConstraintNameItsField() {
        var request = ask("say>")
        #expect(request.constraintField == nil)
        request.conversation.responseSchema = ["type": "integer"]
        #expect(request.constraintField == "response_format.json_schema.schema")
        request.schemaField = "text.format.schema"
        #expect(request.constraintField == "text.format.schema")
        (request.grammarField, request.grammar) = ("regex", "root ::= \"a\"")
        #expect(request.constraintField == "regex")
    }

    @Test func moreAnswersThanThereArePlacesAreRefused() async throws {
        // Four sequences run at a time.
        let generator = try await generator(answer: "x", queue: 2)
        await #expect(throws: GenerationError.tooManyAnswers(prompts: 1, choices: 7, most: 6)) {
            _ = try await generator.generate(ask("say>", choices: 7))
        }
        let answer = try await generator.generate(ask("say>", choices: 6))
        var ended = 0
        while let event = try await answer.nextEvent() {
            if case .finished = event { ended += 1 }
        }
        #expect(ended == 6)
        let texts = TextRequest(
            prompts: Array(repeating: .text("say>"), count: 4), suffix: nil, maximumTokens: 1, sampling: .init(), stops: [], choices: 2)
        await #expect(throws: GenerationError.tooManyAnswers(prompts: 4, choices: 2, most: 6)) {
            _ = try await generator.complete(texts, terms: ServiceTerms())
        }
        await generator.shutdown()
    }

    @Test func aTemplatesRefusalKeepsItsWords() async throws {
        let generator = try await generator(answer: "x", refusal: "roles must alternate")
        await #expect(throws: GenerationError.templateRefused("roles must alternate")) { _ = try await generator.generate(ask(">")) }
        await generator.shutdown()
    }

    /// The template of this model shows no names, but the text of a message may contain one. Names of tools are not those of authors.
    @Test(arguments: [("ann", ["messages[].name"]), ("say", []), (nil, [])] as [(String?, [String])])
    func namesThatThePromptLacksAreReported(name: String?, reported: [String]) async throws {
        let generator = try await generator(answer: "x")
        let messages = [
            ChatMessage(role: .user, content: ["say"], name: name),
            ChatMessage(
                role: .assistant, content: nil,
                toolCalls: [["id": "c", "type": "function", "function": ["name": "tool", "arguments": "{}"]]]),
            ChatMessage(role: .tool, content: [">"], name: "tool", toolCallID: "c"),
        ]
        let answer = try await generator.generate(ChatRequest(messages: messages), terms: ServiceTerms())
        #expect(answer.report.withoutEffect == reported)
        await generator.shutdown()
    }

    @Test func aModelWithoutReasoningRefusesARequestThatNeedsIt() async throws {
        let generator = try await generator(answer: "x")
        var request = ChatRequest(messages: [ChatMessage(.user, ">")])
        request.conversation.reasoningFields = ["think"]
        let answer = try await generator.generate(request, terms: ServiceTerms())
        #expect(answer.report.withoutEffect == ["think"])
        request.needsReasoning = true
        let needing = request
        await #expect(throws: GenerationError.noReasoning) { _ = try await generator.generate(needing, terms: ServiceTerms()) }
        await generator.shutdown()
    }

    @Test func messagesAreWrittenAsTemplatesExpectThem() {
        let message = ChatMessage(role: .tool, content: ["a", "b"], name: "n", toolCallID: "c", reasoning: "r")
        #expect(message.json == ["role": "tool", "content": "a\nb", "name": "n", "tool_call_id": "c", "reasoning_content": "r"])
        #expect(ChatMessage(role: .assistant, content: nil).json == ["role": "assistant", "content": .null])
    }
}
