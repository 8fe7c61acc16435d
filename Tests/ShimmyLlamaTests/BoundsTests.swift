import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyLlama
import Synchronization
import Testing

/// Limits on the recursion of llama.cpp's code for client-supplied text.
@Suite struct BoundsTests {
    @Test(arguments: ["NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "google-gemma-2-2b-it.jinja"], [200, 250, 300, 100_000])
    func argumentsMayBeNestedDeeply(file: String, depth: Int) async throws {
        let source = try String(contentsOfFile: LlamaSource.models + "/templates/" + file, encoding: .utf8)
        let tool = Tool(name: "f", parameters: ["type": "object", "properties": ["a": [:]]])
        let conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: [tool], toolChoice: ToolChoice(.auto))
        let format = try #require(try LlamaChatTemplate(source: source).render(conversation).format)
        let arguments = #"{"a": "# + String(repeating: "[", count: depth) + "\"]\"" + String(repeating: "]", count: depth) + "}"
        let answer = "<tool_call>\n{\"name\": \"f\", \"arguments\": \(arguments)}\n</tool_call>"
        let (content, begun) = await onASmallStack {
            (try? format.read(answer, isPartial: false), try? format.read(String(answer.dropLast(depth)), isPartial: true))
        }
        #expect(content?.calls.map(\.arguments) == [arguments])
        #expect(begun?.calls.first.map { arguments.hasPrefix($0.arguments) } == true)
    }

    @Test func unbrokenTextIsRefusedWhereTheTokenizerRecurses() throws {
        let limit = InputLimits.standard.unbrokenCharacters
        let vocabulary = try LlamaModel(
            path: "\(LlamaSource.models)/ggml-vocab-deepseek-coder.gguf", options: .init(vocabularyOnly: true)
        ).vocabulary
        for unit in ["a", "Ω", "1", " ", "!", "\n"] {
            let text = String(repeating: unit, count: limit)
            #expect(vocabulary.unbrokenLimit(exceededBy: text) == nil)
            #expect(vocabulary.unbrokenLimit(exceededBy: text + unit) == limit)
        }
        #expect(vocabulary.unbrokenLimit(exceededBy: String(repeating: "a1", count: limit)) == nil)
        let unbounded = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-qwen2.gguf", options: .init(vocabularyOnly: true)).vocabulary
        #expect(unbounded.unbrokenLimit(exceededBy: String(repeating: "a", count: 2 * limit)) == nil)
    }

    /// A long text without spaces does not crash the process, even as the first text for a vocabulary.
    @Test func unbrokenTextDoesNotEndTheProcess() async throws {
        let text = String(repeating: "a", count: 300_000)
        let count = try await WorkerPool.input.run { _ in
            let path = "\(LlamaSource.models)/ggml-vocab-deepseek-coder.gguf"
            let vocabulary = try LlamaModel(path: path, options: .init(vocabularyOnly: true)).vocabulary
            return vocabulary.tokenize(text, addSpecial: false, parseSpecial: false).count
        }
        #expect(count > 1000)
    }

    @Test func aTemplatesLoopsAreBounded() throws {
        let template = try LlamaChatTemplate(source: "{% for i in range(count) %}x{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}")
        var conversation = Conversation(messages: [ChatMessage(.user, "Hi")])
        conversation.templateArguments = ["count": 3]
        #expect(try template.render(conversation).text == "xxxHi")
        for count in [JSON.int(1 << 40), .double(1e300)] {
            conversation.templateArguments = ["count": count]
            #expect(throws: ChatTemplateError.self) { try template.render(conversation) }
        }
        conversation.templateArguments = ["count": 3, "text": .string(String(repeating: "x", count: 1 << 20))]
        #expect(throws: ChatTemplateError.self) { try template.render(conversation) }
    }
}
