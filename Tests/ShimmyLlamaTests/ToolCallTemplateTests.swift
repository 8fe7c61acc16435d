import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyEngine
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
        #expect(prompt.grammar?.text.contains("tool▁call▁begin") == true)
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
