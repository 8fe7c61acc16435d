import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import Testing

@Suite struct ToolCallTemplateTests {
    /// Call ids are changed to fit Mistral's templates, which refuse ids that are not nine letters and digits.
    @Test func idsAreMadeToFit() throws {
        let source = try String(contentsOfFile: LlamaSource.models + "/templates/mistralai-Mistral-Nemo-Instruct-2407.jinja", encoding: .utf8)
        let template = try LlamaChatTemplate(source: source)
        func prompt(_ id: String) throws -> String {
            let call: JSON = ["id": .string(id), "type": "function", "function": ["name": "f", "arguments": "{}"]]
            let messages = [
                ChatMessage(.user, "Hi"), ChatMessage(role: .assistant, content: nil, toolCalls: [call]),
                ChatMessage(role: .tool, content: ["5"], toolCallID: id),
            ]
            return try template.render(Conversation(messages: messages, tools: [Tool(name: "f")], toolChoice: ToolChoice(.auto))).text
        }
        #expect(try prompt("abcDEF123").contains("abcDEF123"))
        let (fitted, other) = (try prompt("call_MjImaqn600NYzdp6MwF5i0"), try prompt("call_other"))
        #expect(!fitted.contains("MjIma") && fitted != other)
    }

    private static func template(_ file: String) throws -> LlamaChatTemplate { try LlamaSource.template(file) }

    private static func call(_ id: String, _ name: String, _ argument: String) -> JSON {
        ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(#"{"a": "\#(argument)"}"#)]]
    }

    private static func result(_ id: String, _ text: String) -> ChatMessage { ChatMessage(role: .tool, content: [.text(text)], toolCallID: id) }

    /// gpt-oss's template writes only the first call of a message, and Llama's refuses a message with several calls.
    @Test(arguments: ["openai-gpt-oss-120b.jinja", "meta-llama-Llama-3.1-8B-Instruct.jinja"])
    func severalCallsOfOneMessageAreAllWritten(file: String) throws {
        let calls: JSON = [Self.call("abcdefgh1", "first", "ONE"), Self.call("abcdefgh2", "second", "TWO")]
        let messages = [
            ChatMessage(.user, "Hi"), ChatMessage(role: .assistant, content: nil, toolCalls: calls), Self.result("abcdefgh1", "THREE"),
            Self.result("abcdefgh2", "FOUR"),
        ]
        let tools = [Tool(name: "first"), Tool(name: "second")]
        let prompt = try Self.template(file).render(Conversation(messages: messages, tools: tools, toolChoice: ToolChoice(.auto)))
        let indices = ["ONE", "THREE", "TWO", "FOUR"].map { prompt.text.firstRange(of: $0)?.lowerBound }
        #expect(!indices.contains(nil) && indices.compactMap(\.self) == indices.compactMap(\.self).sorted(), "\(prompt.text)")
        #expect(prompt.normalizations == ["split-calls"] && !prompt.text.contains("<tool_call>"))
    }

    @Test func severalCallsOfOneMessageStayTogetherInOtherTemplates() throws {
        let calls: JSON = [Self.call("abcdefgh1", "f", "ONE"), Self.call("abcdefgh2", "f", "TWO")]
        let messages = [
            ChatMessage(.user, "Hi"), ChatMessage(role: .assistant, content: nil, toolCalls: calls), Self.result("abcdefgh1", "1"),
            Self.result("abcdefgh2", "2"),
        ]
        let prompt = try Self.template("Qwen-Qwen3-0.6B.jinja")
            .render(Conversation(messages: messages, tools: [Tool(name: "f")], toolChoice: ToolChoice(.auto)))
        #expect(prompt.normalizations.isEmpty && prompt.text.contains("ONE") && prompt.text.contains("TWO"))
    }

    /// Llama's template takes the text of the first message for the user's and omits its calls.
    @Test func callsAtTheBeginningAreWritten() throws {
        let messages = [
            ChatMessage(role: .assistant, content: nil, toolCalls: [Self.call("abcdefgh1", "f", "ONE")]), Self.result("abcdefgh1", "TWO"),
            ChatMessage(.user, "Hi"),
        ]
        let prompt = try Self.template("meta-llama-Llama-3.1-8B-Instruct.jinja")
            .render(Conversation(messages: messages, tools: [Tool(name: "f")], toolChoice: ToolChoice(.auto)))
        #expect(prompt.text.contains("ONE") && prompt.text.contains("TWO"), "\(prompt.text)")
        #expect(prompt.normalizations.contains("added-user-turn"))
    }

    /// The template's format writes a string as any text between tags, which cannot enforce the pattern.
    @Test func anotherFormatOfCallsIsReported() throws {
        let properties: JSON = ["a": ["type": "string", "pattern": "^x+$"]]
        let tool = Tool(
            name: "f", parameters: ["type": "object", "properties": properties, "required": ["a"], "additionalProperties": false])
        func normalizations(_ mode: ToolChoice.Mode) throws -> [String] {
            try Self.template("Qwen3-Coder.jinja")
                .render(Conversation(messages: [ChatMessage(.user, "Hi")], tools: [tool], toolChoice: ToolChoice(mode))).normalizations
        }
        #expect(try normalizations(.auto) == [])
        #expect(try normalizations(.required) == ["generic-calls"])
    }

    /// The formats of these families write arguments in a syntax of their own, which their grammars do not hold to a schema.
    @Test(arguments: ["Kimi-K3.jinja", "LFM2.5-8B-A1B.jinja", "google-gemma-4-31B-it.jinja", "Qwen-Qwen3-0.6B.jinja"])
    func argumentsAreEnforcedOrReported(file: String) throws {
        let template = try Self.template(file)
        func prompt(_ mode: ToolChoice.Mode, isStrict: Bool = false, properties: JSON = ["a": ["type": "string"]]) throws -> RenderedPrompt {
            let required = JSON.array((properties.objectValue?.keys ?? []).map { .string($0) })
            let parameters: JSON = ["type": "object", "properties": properties, "required": required, "additionalProperties": false]
            let tools = [Tool(name: "f", parameters: parameters, isStrict: isStrict), Tool(name: "g")]
            let choice = ToolChoice(mode, names: ["f"])
            return try template.render(Conversation(messages: [ChatMessage(.user, "Hi")], tools: tools, toolChoice: choice))
        }
        let isOpen = file != "Qwen-Qwen3-0.6B.jinja"
        let free = try prompt(.auto)
        #expect(free.normalizations == [] && free.unenforced == (isOpen ? ["f#"] : []))
        let properties: JSON = ["a": ["type": "integer"]]
        for enforced in [try prompt(.required), try prompt(.auto, isStrict: true), try prompt(.required, properties: [:])] {
            #expect(enforced.normalizations == (isOpen ? ["generic-calls"] : []) && enforced.unenforced == [])
        }
        #expect(try prompt(.required, properties: properties).grammar?.definition.printed().contains("tool_0_") == true)
    }

    /// Many templates write only the calls of a message that also has a text.
    @Test(arguments: [
        ("meta-llama-Llama-3.1-8B-Instruct.jinja", true), ("mistralai-Mistral-Nemo-Instruct-2407.jinja", true), ("Qwen-Qwen3-0.6B.jinja", false),
    ])
    func aTextThatIsNotWrittenBesideCallsIsReported(file: String, isOmitted: Bool) throws {
        let calls: JSON = [Self.call("abcdefgh1", "f", "ONE")]
        let messages = [
            ChatMessage(.user, "Hi"), ChatMessage(role: .assistant, content: ["TEXT"], toolCalls: calls), Self.result("abcdefgh1", "TWO"),
        ]
        let tools = [Tool(name: "f")]
        let prompt = try Self.template(file).render(Conversation(messages: messages, tools: tools, toolChoice: ToolChoice(.auto)))
        #expect(prompt.text.contains("ONE") && prompt.text.contains("TWO") && prompt.text.contains("TEXT") != isOmitted)
        #expect(prompt.normalizations == (isOmitted ? ["calls-without-text"] : []))
        // Shimmy's own format contains the text.
        let strict = Tool(
            name: "f",
            parameters: [
                "type": "object", "properties": ["a": ["type": "string", "pattern": "^x+$"]], "required": ["a"], "additionalProperties": false,
            ], isStrict: true)
        let other = try Self.template("Qwen3-Coder.jinja")
            .render(Conversation(messages: messages, tools: [strict], toolChoice: ToolChoice(.auto)))
        #expect(other.text.contains("TEXT") && other.normalizations == ["generic-calls"])
    }

    @Test func anEmptyTemplateIsAnError() {
        #expect(throws: LlamaError.self) { try LlamaChatTemplate(source: "") }
    }

    /// If a template writes calls but does not describe tools, the prompt gets a description, and the template's form of calls stays.
    @Test func toolsAreDescribedToTemplatesThatDoNot() throws {
        let source = try String(contentsOfFile: LlamaSource.models + "/templates/deepseek-ai-DeepSeek-V3.1.jinja", encoding: .utf8)
        let conversation = Conversation(
            messages: [ChatMessage(.system, "Be brief."), ChatMessage(.user, "Hi")], tools: [Tool(name: "get_weather")],
            toolChoice: ToolChoice(.required))
        let prompt = try LlamaChatTemplate(source: source).render(conversation)
        #expect(prompt.text.contains("Be brief.") && prompt.text.contains("get_weather"))
        #expect(prompt.grammar?.definition.texts.contains { $0.contains("tool▁call▁begin") } == true)
    }

    /// Regular expressions are not passed to llama.cpp's schema converter, which does not support all of them. The prompt contains them all.
    @Test(arguments: ["NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "google-gemma-2-2b-it.jinja", "Reka-Edge.jinja"])
    func patternsReachThePromptAlone(file: String) throws {
        let source = try String(contentsOfFile: LlamaSource.models + "/templates/" + file, encoding: .utf8)
        let properties: JSON = ["a": ["type": "string", "pattern": "^[a-z]+$"], "pattern": ["type": "string"]]
        var conversation = Conversation(
            messages: [ChatMessage(.user, "Hi")], tools: [Tool(name: "f", parameters: ["type": "object", "properties": properties])],
            toolChoice: ToolChoice(.auto))
        let prompt = try LlamaChatTemplate(source: source).render(conversation)
        #expect(prompt.text.contains("^[a-z]+$") && prompt.text.ranges(of: #""pattern""#).count == 2)
        #expect(!prompt.text.unicodeScalars.contains { $0.value == 0xFDD2 } && !prompt.text.contains("fdd2"))
        conversation.tools = []
        conversation.responseSchema = ["type": "string", "pattern": "^[a-z]+$"]
        #expect(try LlamaChatTemplate(source: source).render(conversation).grammar != nil)
    }

    /// With bare JSON calls, text is unconstrained until a call to a known tool begins.
    @Test func bareCallsAreAwaited() throws {
        let source = try String(contentsOfFile: LlamaSource.models + "/templates/meta-llama-Llama-3.1-8B-Instruct.jinja", encoding: .utf8)
        let conversation = Conversation(
            messages: [ChatMessage(.user, "Hi")], tools: [Tool(name: "get_weather")], toolChoice: ToolChoice(.auto))
        let prompt = try LlamaChatTemplate(source: source).render(conversation)
        guard case .opening(let pattern, _) = prompt.grammar?.triggers.first else {
            Issue.record("no pattern to wait for")
            return
        }
        #expect(pattern.contains("get_weather"))
        let model = try LlamaModel(path: TestModel.path, options: .init(vocabularyOnly: true))
        let grammar = try ConstraintCompiler(vocabulary: model.vocabulary)
            .compile(try #require(prompt.grammar), prefix: prompt.generationPrompt).makeConstraint()
        func say(_ text: String) {
            for token in model.vocabulary.tokenize(text, addSpecial: false, parseSpecial: false) { grammar.accept(token) }
        }
        let letter = model.vocabulary.tokenize("x", addSpecial: false, parseSpecial: false)
        #expect(grammar.mask == nil)
        say(#"{"name": "get_weather""#)
        #expect(grammar.mask?.contains(letter[0]) == false, "a call has begun")
    }
}
