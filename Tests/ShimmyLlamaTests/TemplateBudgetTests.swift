import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyLlama
import Testing

/// Limits on the work, memory and recursion of chat templates, which come from files and downloaded models.
@Suite(.serialized) struct TemplateBudgetTests {
    private static let messages = "{% for m in messages %}{{ m.content }}{% endfor %}"

    /// Templates that exceed a limit on any input, with a part of the expected message.
    private static let hostile: [(source: String, reason: String)] = [
        ("{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}", "steps"),
        ("{% for a in range(1000000000000) %}x{% endfor %}", "values"),
        ("{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes of text"),
        ("{{ 'x' * 1000000000 }}", "bytes of text"),
        ("{{ 'x'|indent(100000000000, true) }}", "bytes of text"),
        ("{{ [1]|tojson(indent=2000000000) }}", "bytes of text"),
        ("{{ ('x' * 1000000)|replace('', 'y' * 1000000) }}", "bytes of text"),
        ("{% set ns = namespace(l=[1]) %}{% for a in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "steps"),
        ("{% set l = ['x'] %}{% set _ = l.append(l) %}{{ l }}", "levels"),
        ("{% set ns = namespace(a=1) %}{% set ns.b = ns %}{{ ns|tojson }}", "levels"),
        ("{% set ns = namespace(t=(1, 2)) %}{% for a in range(100) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ ns.t == ns.t }}", "steps"),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "levels"),
        ("{{ \(repeated("'x' + ", 1000))'x' }}", "levels"),
        ("{{ \(repeated("'x' + ", 100_000))'x' }}", "tokens"),
        ("{{ \(repeated("not ", 100_000))true }}", "tokens"),
        ("{{ \(repeated("(", 100_000))1\(repeated(")", 100_000)) }}", "levels"),
        (repeated("{% if true %}", 100_000), "levels"),
        ("{% if false %}\(repeated("{% elif false %}", 100_000)){% endif %}", "levels"),
    ]

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    /// Takes indices, because some of the sources are too long for a test's name.
    @Test(arguments: hostile.indices) func aHostileTemplateIsRefused(index: Int) {
        let (source, reason) = Self.hostile[index]
        let start = WorkClock.system.thread()
        let error = #expect(throws: LlamaError.self) { try LlamaChatTemplate(source: source + Self.messages) }
        #expect(error?.description.contains("template") == true && error?.description.contains(reason) == true, "\(String(describing: error))")
        // A second, as a rule.
        #expect(WorkClock.system.thread() - start < .seconds(5))
    }

    /// The probes at load do not reach the loop, and the request does.
    @Test func aRequestThatExceedsTheBudgetGetsTheReason() throws {
        let loop = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}"
        let template = try LlamaChatTemplate(
            source: "{% for m in messages %}{% if m.content == 'loop' %}\(loop){% endif %}{{ m.content }}{% endfor %}")
        let error = #expect(throws: ChatTemplateError.self) { try template.render(Conversation(messages: [ChatMessage(.user, "loop")])) }
        #expect(error?.description.contains("the chat template takes more than") == true, "\(String(describing: error))")
        // The next rendering on this thread has its own budget.
        #expect(try template.render(Conversation(messages: [ChatMessage(.user, "Hi")])).text == "Hi")
    }

    /// The stack is small, so that fewer levels are enough.
    @Test func deeplyNestedValuesAreDestroyed() async {
        let source = "{% set ns = namespace(l=[]) %}{% for a in range(10000) %}{% set ns.l = [ns.l] %}{% endfor %}" + Self.messages
        let text = await onASmallStack {
            try? LlamaChatTemplate(source: source).render(Conversation(messages: [ChatMessage(.user, "Hi")])).text
        }
        #expect(text == "Hi")
    }

    @Test func theBudgetGrowsWithTheConversation() throws {
        let path = LlamaSource.models + "/templates/NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja"
        let template = try LlamaChatTemplate(source: try String(contentsOfFile: path, encoding: .utf8))
        let turns = (0..<5_000).flatMap { [ChatMessage(.user, "Question \($0)"), ChatMessage(.assistant, "Answer \($0)")] }
        let prompt = try template.render(Conversation(messages: turns + [ChatMessage(.user, "Last")]))
        #expect(prompt.text.contains("Question 4999") && prompt.text.contains("Last"))
    }

    /// Without linear `split` and `replace`, each would move 34 GB.
    @Test func longTextsAreSplitAndReplaced() throws {
        let source = "{% for m in messages %}{{ m.content.split('|')|length }} {{ m.content.replace('|', '')|length }}{% endfor %}"
        let template = try LlamaChatTemplate(source: source)
        let start = WorkClock.system.thread()
        let prompt = try template.render(Conversation(messages: [ChatMessage(.user, Self.repeated("|", 1 << 18))]))
        #expect(prompt.text == "\((1 << 18) + 1) 0")
        #expect(WorkClock.system.thread() - start < .seconds(5))
    }

    @Test func divisionByZeroIsAnError() throws {
        let source = "{% for m in messages %}{% if m.content == 'zero' %}{{ 5 is divisibleby 0 }}{% endif %}{{ m.content }}{% endfor %}"
        let template = try LlamaChatTemplate(source: source)
        #expect(throws: ChatTemplateError.self) { try template.render(Conversation(messages: [ChatMessage(.user, "zero")])) }
    }
}
