import Foundation
import ShimmyChat
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import Testing

/// The answer formats of all model families whose templates are part of llama.cpp's source. The expected output of a family is the text that
/// its template writes for an earlier answer, after the prompt of that answer.
@Suite struct AnswerFormatTests {
    static let templates: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: LlamaSource.models + "/templates")) ?? []
        return files.filter { $0.hasSuffix(".jinja") }.sorted()
    }()

    private static func template(_ file: String) throws -> LlamaChatTemplate { try LlamaSource.template(file) }

    private static let tools = [
        Tool(
            name: "get_weather", description: "Weather.",
            parameters: [
                "type": "object", "properties": ["city": ["type": "string"], "days": ["type": "integer"]], "required": ["city", "days"],
                "additionalProperties": false,
            ]),
        Tool(name: "no_arguments", description: "Nothing.", parameters: ["type": "object", "properties": [:]]),
    ]

    private static func call(_ name: String, _ arguments: String, id: String) -> JSON {
        ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
    }

    /// An answer, given as the message that it has to become.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var message: ChatMessage
    }

    static let cases = [
        Case(testDescription: "content", message: ChatMessage(.assistant, "Hello, \"world\"!\nSecond line.")),
        Case(
            testDescription: "a thought and content",
            message: ChatMessage(role: .assistant, content: ["The answer."], reasoning: "First, think.\nThen think again.")),
        Case(
            testDescription: "a call",
            message: ChatMessage(
                role: .assistant, content: nil, toolCalls: [call("get_weather", #"{"city":"Köln \"am\" Rhein","days":3}"#, id: "abcdefgh1")])),
        Case(
            testDescription: "two calls",
            message: ChatMessage(
                role: .assistant, content: nil,
                toolCalls: [
                    call("get_weather", #"{"city":"Rome","days":1}"#, id: "abcdefgh1"),
                    call("get_weather", #"{"city":"Oslo","days":2}"#, id: "abcdefgh2"),
                ])),
    ]

    /// Returns the model output that has to become the message; nil if the template writes the answer in a form that does not follow its prompt.
    private static func output(_ template: LlamaChatTemplate, _ conversation: inout Conversation, _ answer: ChatMessage) -> String? {
        // Templates that begin the reasoning in the prompt write earlier answers without reasoning, or with their original reasoning.
        for (thinks, reasoning) in [(nil, nil), (true, "A thought."), (false, nil)] as [(Bool?, String?)] {
            conversation.thinks = thinks
            var full = conversation
            full.messages.append(answer)
            full.messages[full.messages.count - 1].reasoning = answer.reasoning ?? reasoning
            full.continuation = .nothing
            if let prompt = try? template.render(conversation).text, let text = try? template.render(full).text, text.hasPrefix(prompt) {
                return withoutEnd(String(text.dropFirst(prompt.count)), template, conversation)
            }
        }
        return nil
    }

    /// Returns the output without the template's end of turn, for which a model generates an EOG token.
    private static func withoutEnd(_ output: String, _ template: LlamaChatTemplate, _ conversation: Conversation) -> String {
        var plain = conversation
        plain.messages.append(ChatMessage(.assistant, "THE-END"))
        plain.continuation = .nothing
        let end = (try? template.render(plain).text).flatMap { text in text.range(of: "THE-END").map { String(text[$0.upperBound...]) } } ?? ""
        if !end.isEmpty, output.hasSuffix(end) { return String(output.dropLast(end.count)) }
        guard let range = output.range(of: #"(<[|｜][a-z_▁]+[|｜]>|</s>|<eos>|<end_of_turn>)\s*$"#, options: .regularExpression) else { return output }
        return String(output[..<range.lowerBound])
    }

    /// Returns the content that results from all deltas.
    private static func joined(_ deltas: [AnswerDelta]) -> AnswerContent {
        var content = AnswerContent()
        for delta in deltas {
            switch delta {
            case .content(let text, _): content.content += text
            case .reasoning(let text): content.reasoning += text
            case .call(let index, _, let name):
                #expect(index == content.calls.count, "calls come in order")
                // Some formats write the id last, when the call already has one.
                content.calls.append(AnswerContent.Call(name: name, arguments: ""))
            case .arguments(let index, let text):
                #expect(index == content.calls.count - 1, "a call is complete when the next begins")
                content.calls[index].arguments += text
            }
        }
        return content
    }

    private static func read(_ format: any AnswerFormat, _ text: String, cutEvery size: Int) -> AnswerContent {
        var reader = AnswerReader(format, throttleFactor: 0)
        let scalars = Array(text.unicodeScalars)
        var deltas: [AnswerDelta] = []
        for start in stride(from: 0, to: scalars.count, by: size) {
            var part = String.UnicodeScalarView()
            part.append(contentsOf: scalars[start..<min(start + size, scalars.count)])
            deltas += reader.push(String(part)) + reader.preview()
        }
        return joined(deltas + reader.finish(isCut: false))
    }

    /// The result does not depend on how the answer is split, and calls survive the round trip.
    @Test(arguments: templates, cases) func anAnswerIsTheSameHoweverItIsCut(file: String, answer: Case) throws {
        let template = try Self.template(file)
        var conversation = Conversation(
            messages: [ChatMessage(.user, "Hi")], tools: answer.message.toolCalls == nil ? [] : Self.tools, toolChoice: ToolChoice(.auto))
        guard let output = Self.output(template, &conversation, answer.message), let format = try template.render(conversation).format else {
            return
        }
        let whole = Self.read(format, output, cutEvery: .max / 2)
        if let told = answer.message.texts.first {
            let isRead = whole.content.trimmingCharacters(in: .whitespacesAndNewlines) == told && whole.calls.isEmpty
            #expect(isRead != Self.misread.contains("\(file): \(answer.testDescription)"), "\(output) was read as \(whole)")
        }
        for size in [1, 2, 3, 7] { #expect(Self.read(format, output, cutEvery: size) == whole, "cut every \(size) of \(output)") }
    }

    /// The expected output of most families is known, so that the test above compares something.
    @Test(arguments: cases) func mostFamiliesHaveAKnownOutput(answer: Case) throws {
        let known = try Self.templates.filter { file in
            var conversation = Conversation(
                messages: [ChatMessage(.user, "Hi")], tools: answer.message.toolCalls == nil ? [] : Self.tools, toolChoice: ToolChoice(.auto))
            return Self.output(try Self.template(file), &conversation, answer.message) != nil
        }
        #expect(known.count > Self.templates.count / 2 && known.count > 20)
    }

    /// Answers that do not survive the round trip, because the template writes them in another form than the format expects.
    private static let misread: Set<String> = ["NVIDIA-Nemotron-Nano-v2.jinja: content", "NVIDIA-Nemotron-Nano-v2.jinja: a thought and content"]

    /// Templates that write earlier answers in another form than they request, so that the expected output is unknown.
    private static let untold: Set<String> = [
        "Apriel-1.6-15b-Thinker-fixed.jinja", "CohereForAI-c4ai-command-r-plus-tool_use.jinja", "NVIDIA-Nemotron-Nano-v2.jinja",
        "Qwen-QwQ-32B.jinja", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B.jinja", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja",
        "llama-cpp-rwkv-world.jinja", "llama-cpp-deepseek-r1.jinja",
    ]
    /// Templates whose calls llama.cpp cannot parse. Its grammar makes the model write calls in another form.
    private static let unread: Set<String> = ["upstage-Solar-Open-100B.jinja"]

    @Test(arguments: templates) func callsAreReadBack(file: String) throws {
        let template = try Self.template(file)
        var conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: Self.tools, toolChoice: ToolChoice(.auto))
        let output = Self.output(template, &conversation, Self.cases[2].message)
        #expect((output == nil) == Self.untold.contains(file))
        guard let output else { return }
        let format = try #require(try template.render(conversation).format)
        let calls = Self.read(format, output, cutEvery: 1).calls
        let arguments = calls.first.flatMap { try? JSON.parse($0.arguments) }
        let isRead = calls.map(\.name) == ["get_weather"] && arguments == ["city": "Köln \"am\" Rhein", "days": 3]
        #expect(isRead != Self.unread.contains(file), "\(output) was read as \(calls)")
    }

    /// Every family has a grammar for required calls that llama.cpp accepts, including families without tools.
    @Test(arguments: templates) func requiredCallsHaveAGrammar(file: String) throws {
        let template = try Self.template(file)
        for choice in [ToolChoice(.required), ToolChoice(.required, names: ["get_weather"]), ToolChoice(.auto)] {
            for schema in [JSON?.none, ["type": "object", "properties": ["a": ["type": "string"]], "required": ["a"]]] {
                var conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: Self.tools, toolChoice: choice)
                conversation.responseSchema = schema
                let prompt = try template.render(conversation)
                let grammar = try #require(prompt.grammar)
                let isLazy = choice.mode == .auto && schema == nil
                #expect(grammar.triggers.isEmpty != isLazy)
                #expect(throws: Never.self) { try Self.compiler.get().compile(grammar, prefix: prompt.generationPrompt) }
                if choice.names != nil { #expect(try !grammar.definition.printed().contains("no_arguments")) }
            }
        }
    }

    /// Families that write arguments in a syntax of their own. llama.cpp's grammars for them hold no schemas of arguments, so that a required call is
    /// written in Shimmy's format.
    private static let withOwnValues: Set<String> = [
        "Kimi-K3.jinja", "LFM2.5-8B-A1B.jinja", "google-gemma-4-31B-it.jinja", "google-gemma-4-31B-it-interleaved.jinja",
    ]

    /// A required call, and a call beside a schema, begins without text before it, whatever the family's own grammar allows.
    @Test(arguments: templates, [nil, ["type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"]]] as [JSON?])
    func noTextReplacesARequiredCall(file: String, schema: JSON?) throws {
        let template = try Self.template(file)
        for names in [nil, ["get_weather"]] as [[String]?] {
            var conversation = Conversation(
                messages: [ChatMessage(.user, "Hi")], tools: Self.tools, toolChoice: ToolChoice(schema == nil ? .required : .auto, names: names))
            conversation.responseSchema = schema
            conversation.thinks = false
            let prompt = try template.render(conversation)
            let grammar = try #require(prompt.grammar)
            func fits(_ text: String) -> Bool {
                (try? Self.compiler.get().compile(grammar, prefix: prompt.generationPrompt + text)) != nil
            }
            #expect(fits(""))
            let isOpen = schema != nil && Self.withOwnValues.contains(file)
            let text = try grammar.definition.printed()
            #expect(text.contains("tool_0_") != isOpen, "the rules of the tool's schema")
            #expect(prompt.unenforced == (isOpen ? (names ?? Self.tools.map(\.name)).map { "\($0)#" } : []))
            if schema != nil {
                var plain = conversation
                plain.tools = []
                let hasFence = try #require(try template.render(plain).grammar).definition.printed().contains("```json")
                // Some formats write calls in a fence, too.
                let answer = text.split(separator: "\n").filter { $0.hasPrefix("g1-") }
                #expect(answer.contains { $0.contains("```json") } == hasFence, "tools add no fence to the answer")
            }
            for text in ["Sure, the weather is fine", "\n\nI will look", "all\nThe weather", "<|channel|>final<|message|>The"] {
                // Where the prompt begins the reasoning, any text continues it.
                let ends = fits(text) ? prompt.thinking?.ends.first ?? "" : ""
                #expect(!fits(ends + text), "\(ends + text)")
            }
        }
    }

    /// A response schema leads to a grammar with every family, including those for which llama.cpp makes none.
    @Test(arguments: templates) func aSchemaIsNeverForgotten(file: String) throws {
        let template = try Self.template(file)
        var conversation = Conversation(messages: [ChatMessage(.user, "Hi")])
        conversation.responseSchema = ["type": "object", "properties": ["a": ["type": "string"]], "required": ["a"]]
        let prompt = try template.render(conversation)
        let grammar = try #require(prompt.grammar)
        #expect(grammar.triggers.isEmpty)
        #expect(throws: Never.self) {
            try Self.compiler.get().compile(grammar, prefix: prompt.generationPrompt)
        }
    }

    private static let model = Result { try LlamaModel(path: TestModel.path, options: .init(vocabularyOnly: true)) }
    /// A compiler that all tests share, because it builds a trie of the vocabulary.
    private static let compiler = Result { ConstraintCompiler(vocabulary: try model.get().vocabulary) }

    /// The arguments of a required call are constrained to an enum of strings, even if the family's own form is more permissive.
    @Test(arguments: templates) func requiredCallsAreHeldToTheirStrings(file: String) throws {
        let template = try Self.template(file)
        let tool = Tool(
            name: "paint",
            parameters: [
                "type": "object", "properties": ["colour": ["enum": ["vermilion", "viridian"]], "size": ["type": "integer"]],
                "required": ["colour", "size"], "additionalProperties": false,
            ])
        let conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: [tool], toolChoice: ToolChoice(.required))
        let prompt = try template.render(conversation)
        let grammar = try #require(prompt.grammar)
        let text = try grammar.definition.printed()
        #expect(text.contains("vermilion") && text.contains("viridian"))
        #expect(throws: Never.self) {
            try Self.compiler.get().compile(grammar, prefix: prompt.generationPrompt)
        }
    }

    /// A prompt contains all tools, whichever of them may be called, so that it can stay in the cache.
    @Test(arguments: templates) func thePromptDoesNotDependOnTheChoice(file: String) throws {
        let template = try Self.template(file)
        var conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: Self.tools, toolChoice: ToolChoice(.auto))
        let prompt = try template.render(conversation).text
        conversation.toolChoice = ToolChoice(.auto, names: ["no_arguments"])
        #expect(try template.render(conversation).text == prompt)
    }
}
