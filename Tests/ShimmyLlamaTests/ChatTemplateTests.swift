import ShimmyChat
import ShimmyLlama
import Testing

@Suite struct ChatTemplateTests {
    @Test func theModelsOwnTemplateIsUsed() throws {
        let model = try LlamaModel(path: TestModel.path, options: .init(vocabularyOnly: true))
        let template = try LlamaChatTemplate(model: model)
        let prompt = try template.render([
            ChatMessage(.system, "Be brief."), ChatMessage(.user, "Hi"), ChatMessage(.assistant, "Hello!"), ChatMessage(.user, "Bye"),
        ])
        #expect(
            prompt.text == """
                <|im_start|>system
                Be brief.<|im_end|>
                <|im_start|>user
                Hi<|im_end|>
                <|im_start|>assistant
                Hello!<|im_end|>
                <|im_start|>user
                Bye<|im_end|>
                <|im_start|>assistant

                """)
    }

    @Test func aDevelopersMessageReachesTemplatesThatOnlyKnowSystem() throws {
        let template = try LlamaChatTemplate(source: "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}")
        #expect(try template.render([ChatMessage(.developer, "Be brief."), ChatMessage(.user, "Hi")]).text.contains("Be brief."))
    }

    @Test func aRefusalKeepsTheTemplatesOwnWords() throws {
        let template = try LlamaChatTemplate(
            source: """
                {% for m in messages %}{% if m.role == 'user' and m.content == 'no' %}{{ raise_exception('Roles must alternate, says the template') }}\
                {% endif %}{{ m.content }}{% endfor %}
                """)
        let error = #expect(throws: ChatTemplateError.self) { try template.render([ChatMessage(.user, "no")]) }
        #expect(error?.description.contains("Roles must alternate, says the template") == true)
        #expect(try template.render([ChatMessage(.user, "yes")]).text.contains("yes"))
    }

    @Test func aTemplateThatDoesNotParseIsAnError() {
        #expect(throws: LlamaError.self) { try LlamaChatTemplate(source: "{% if %}{{ }") }
    }

    @Test func textSurvivesUnchanged() throws {
        let template = try LlamaChatTemplate(source: "{% for m in messages %}{{ m.content }}{% endfor %}")
        let text = "quotes \" and ' \\ \u{1}, 日本語, 👩‍👩‍👧‍👦, {{ not a variable }}, </s>"
        #expect(try template.render([ChatMessage(.user, text)]).text == text)
    }
}

extension LlamaChatTemplate {
    fileprivate func render(_ messages: [ChatMessage]) throws(ChatTemplateError) -> RenderedPrompt { try render(Conversation(messages: messages)) }
}
