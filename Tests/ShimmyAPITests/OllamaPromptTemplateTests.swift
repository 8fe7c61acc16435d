import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// The templates of requests in Ollama's language.
@Suite struct OllamaPromptTemplateTests {
    private struct OtherWork: Error {}

    /// Returns the prompt that a template makes of the system text "s" (or none), the prompt "p" and the suffix "x".
    private func prompt(_ template: String, system: String = "s", prompt: String = "p") throws -> String {
        let request = try OllamaRequest(generate: [
            "model": "m", "prompt": .string(prompt), "system": .string(system), "suffix": "x", "template": .string(template),
        ])
        guard case .text(let text) = request.work, case .text(let made) = text.prompts.first else { throw OtherWork() }
        return made
    }

    @Test(arguments: [
        ("{{ .Prompt }}", "p"), ("{{.Prompt}}", "p"), ("a {{ .Prompt }} b", "a p b"), ("{ {{ .Suffix }} }", "{ x }"),
        ("a \n{{- .Prompt -}}\t b", "apb"), ("a {{- /* c */ -}} b{{ .Prompt }}", "abp"), ("é{{ .Prompt }}", "ép"),
        ("{{ if .System }}<{{ .System }}>{{ end }}{{ .Prompt }}", "<s>p"), ("{{ if .Response }}r{{ else }}n{{ end }}", "n"),
        ("{{ if .Response }}r{{ else if .System }}s{{ else }}n{{ end }}", "s"), ("{{ if .System }}s{{ else if .System }}t{{ else }}n{{ end }}", "s"),
        ("{{ if .Response }}{{ if .System }}a{{ else }}b{{ end }}{{ end }}{{ .Prompt }}", "p"),
        ("{{ .Prompt }}:{{ .Response }} end", "p:"), ("{{ if .Response }}{{ .Response }}{{ end }}{{ .Prompt }}", "p"),
    ])
    func templatesMakePrompts(template: String, expected: String) throws {
        #expect(try prompt(template) == expected)
    }

    @Test func absentTextsAreFalse() throws {
        #expect(try prompt("{{ if .System }}<{{ .System }}>{{ end }}{{ .Prompt }}", system: "") == "p")
    }

    @Test func textsOfTheRequestAreNoTemplates() throws {
        #expect(try prompt("{{ .Prompt }}", prompt: "{{ .System }} }} {{ end }}") == "{{ .System }} }} {{ end }}")
    }

    @Test(arguments: [
        ("{{ range .Messages }}{{ end }}", "range .Messages"), ("{{ .Tools }}", ".Tools"), ("{{ if }}{{ end }}", "if"), ("{{ }}", "not supported"),
        ("{{ if and .System .Prompt }}{{ end }}", "if and"), ("{{ .Prompt", "'}}' is missing"), ("{{ if .System }}a", "has no 'end'"),
        ("{{ end }}", "has no 'if'"), ("{{ else }}", "has no 'if'"), ("{{ if .System }}{{ else }}{{ else }}{{ end }}", "has no 'if'"),
        ("{% if messages %}{% endif %}", "Jinja"), ("{{ Prompt }}", "Prompt"),
    ])
    func otherTemplatesAreRefused(template: String, words: String) throws {
        let error = try #require(throws: APIError.self) { try prompt(template) }
        #expect(error.status == 400 && error.param == "template")
        #expect(error.message.hasPrefix("Invalid 'template': ") && error.message.contains(words))
    }

    @Test func aTemplateCannotMakeAnEndlessPrompt() throws {
        let text = String(repeating: "a", count: 1 << 20)
        let template = String(repeating: "{{ .Prompt }}", count: 33)
        let error = try #require(throws: APIError.self) { try prompt(template, prompt: text) }
        #expect(error.param == "template" && error.message.contains("bytes"))
    }

    @Test func manyConditionsAreFollowedInOneList() throws {
        let depth = 100_000
        let template = String(repeating: "{{ if .System }}", count: depth) + "{{ .Prompt }}" + String(repeating: "{{ end }}", count: depth)
        #expect(try prompt(template) == "p")
    }
}
