import Foundation
import ShimmyChat
import ShimmyJSON
import ShimmyLlama
import Testing

/// Ordinary agent conversations with templates that accept only one order of messages.
@Suite struct StrictTemplateTests {
    private static let strict = [
        "google-gemma-2-2b-it.jinja", "mistralai-Mistral-Nemo-Instruct-2407.jinja", "Qwen3.5-4B.jinja",
        "mistralai-Ministral-3-14B-Reasoning-2512.jinja", "unsloth-mistral-Devstral-Small-2507.jinja",
    ]

    private static func template(_ file: String) throws -> LlamaChatTemplate { try LlamaSource.template(file) }

    private static let call: JSON = [["id": "abcdefgh1", "type": "function", "function": ["name": "f", "arguments": "{}"]]]

    private static let conversations: [[ChatMessage]] = [
        [ChatMessage(.system, "ONE"), ChatMessage(.system, "TWO"), ChatMessage(.user, "THREE")],
        [
            ChatMessage(.system, "ONE"), ChatMessage(.user, "TWO"), ChatMessage(.assistant, "x"), ChatMessage(.system, "THREE"),
            ChatMessage(.user, "y"),
        ],
        // Mistral-Nemo's template omits the system message unless the last message is the user's.
        [
            ChatMessage(.system, "ONE"), ChatMessage(.user, "TWO"), ChatMessage(role: .assistant, content: nil, toolCalls: call),
            ChatMessage(role: .tool, content: ["THREE"], toolCallID: "abcdefgh1"),
        ],
        [ChatMessage(.user, "ONE"), ChatMessage(.user, "TWO"), ChatMessage(.user, "THREE")],
        [ChatMessage(.assistant, "ONE"), ChatMessage(.user, "TWO"), ChatMessage(.assistant, "THREE"), ChatMessage(.user, "y")],
        [ChatMessage(.user, "ONE"), ChatMessage(.assistant, "TWO"), ChatMessage(.assistant, "THREE"), ChatMessage(.user, "y")],
        [
            ChatMessage(.user, "ONE"), ChatMessage(role: .assistant, content: nil, toolCalls: call),
            ChatMessage(role: .tool, content: ["TWO"], toolCallID: "abcdefgh1"), ChatMessage(.user, "THREE"),
        ],
        [
            ChatMessage(.user, "ONE"), ChatMessage(role: .assistant, content: nil, toolCalls: call),
            ChatMessage(role: .tool, content: ["TWO"], toolCallID: "abcdefgh1"), ChatMessage(.system, "THREE"), ChatMessage(.user, "y"),
        ],
    ]

    @Test(arguments: strict, conversations) func anOrdinaryConversationIsRendered(file: String, messages: [ChatMessage]) throws {
        let hasCalls = messages.contains { $0.role == .tool }
        let conversation = Conversation(
            messages: messages, tools: hasCalls ? [Tool(name: "f")] : [], toolChoice: ToolChoice(hasCalls ? .auto : .none))
        let prompt = try Self.template(file).render(conversation)
        for text in ["ONE", "TWO", "THREE"] { #expect(prompt.text.contains(text), "\(prompt.text)") }
    }

    @Test func whatWasChangedIsSaid() throws {
        let gemma = try Self.template("google-gemma-2-2b-it.jinja")
        let one = try gemma.render(Conversation(messages: [ChatMessage(.user, "a"), ChatMessage(.assistant, "b"), ChatMessage(.user, "c")]))
        #expect(one.normalizations.isEmpty)
        let two = try gemma.render(Conversation(messages: [ChatMessage(.user, "a"), ChatMessage(.user, "c")]))
        #expect(two.normalizations == ["merged-turns"])
    }

    /// llama.cpp writes the start of an answer itself, so the template does not see that it follows another turn of the assistant.
    @Test(arguments: ["google-gemma-2-2b-it.jinja", "mistralai-Mistral-Nemo-Instruct-2407.jinja"])
    func theStartOfAnAnswerIsMergedWithTheTurnBeforeIt(file: String) throws {
        let messages = [ChatMessage(.user, "ONE"), ChatMessage(.assistant, "TWO"), ChatMessage(.assistant, "THREE")]
        let prompt = try Self.template(file).render(Conversation(messages: messages, continuation: .content))
        #expect(prompt.text.hasSuffix("TWO\n\nTHREE"), "\(prompt.text)")
        #expect(prompt.normalizations == ["merged-turns"])
        let complete = try Self.template(file).render(Conversation(messages: messages, continuation: .nothing))
        #expect(complete.text.contains("TWO\n\nTHREE") && complete.normalizations == ["merged-turns"])
    }

    @Test func theStartOfAnAnswerStaysATurnOfItsOwnForOtherTemplates() throws {
        let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        let messages = [ChatMessage(.user, "ONE"), ChatMessage(.assistant, "TWO"), ChatMessage(.assistant, "THREE")]
        let prompt = try LlamaChatTemplate(source: source).render(Conversation(messages: messages, continuation: .content))
        #expect(prompt.text.contains("TWO") && prompt.text.hasSuffix("[assistant]THREE"), "\(prompt.text)")
        #expect(prompt.normalizations.isEmpty)
    }

    @Test func aRefusalIsTheTemplatesOwnWordsAlone() throws {
        let source = "{% for m in messages %}{{ raise_exception('Never, says the template') }}{% endfor %}"
        let error = #expect(throws: ChatTemplateError.self) {
            try LlamaChatTemplate(source: source).render(Conversation(messages: [ChatMessage(.user, "Hi")]))
        }
        #expect(error?.description == "Never, says the template")
    }
}
