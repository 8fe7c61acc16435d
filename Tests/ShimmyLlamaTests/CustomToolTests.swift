import Foundation
import ShimmyChat
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import Testing

@Suite struct CustomToolTests {
    private static let model = Result { try LlamaModel(path: TestModel.path, options: .init(vocabularyOnly: true)) }
    /// A compiler that all tests share, because it builds a trie of the vocabulary.
    private static let compiler = Result { ConstraintCompiler(vocabulary: try model.get().vocabulary) }

    /// With every family, a custom tool's input is constrained to its grammar, and the prompt does not contain the grammar's placeholder.
    @Test(arguments: AnswerFormatTests.templates) func customToolsAreHeldToTheirGrammars(file: String) throws {
        let template = try LlamaSource.template(file)
        let rules = try LarkGrammar("start: \"only this\"", prefix: "input-0-", in: .jsonString)
        let tool = Tool(
            name: "note", description: "Takes a note.",
            parameters: ["type": "object", "properties": ["input": ["type": "string"]], "required": ["input"], "additionalProperties": false],
            inputGrammar: .init(rules: rules.rules, root: rules.root))
        for mode in [ToolChoice.Mode.auto, .required] {
            let conversation = Conversation(messages: [ChatMessage(.user, "Hi")], tools: [tool], toolChoice: ToolChoice(mode))
            let prompt = try template.render(conversation)
            let grammar = try #require(prompt.grammar)
            #expect(!prompt.text.contains("shimmy-input") && prompt.text.contains("note"))
            let text = try grammar.definition.printed()
            #expect(text.contains("only this") && text.contains("input-0-root") && !text.contains("shimmy-input"))
            #expect(throws: Never.self) {
                try Self.compiler.get().compile(grammar, prefix: prompt.generationPrompt)
            }
        }
    }
}
