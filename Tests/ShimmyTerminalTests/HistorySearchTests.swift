import ShimmyTerminal
import Testing

@Suite struct HistorySearchTests {
    private static let history = ["first whale", "second", "third Whale song"]

    private func editor(after keys: [Key]) -> LineEditor {
        var editor = LineEditor(history: History(entries: Self.history))
        for key in keys { _ = editor.handle(key) }
        return editor
    }

    @Test(
        arguments: [
            ([Key.text("whale")], "third Whale song"), ([.text("whale"), .search], "first whale"), ([.text("WHALE")], "third Whale song"),
            ([.text("w"), .text("h"), .backspace, .backspace], "draft"), ([.text("s"), .search], "second"),
            ([.text("song"), .backspace], "third Whale song"),
            ([.text("whale"), .search, .search], "first whale"), ([.text("nothing")], "draft"), ([.paste("second\nmore")], "second"),
        ] as [([Key], String)])
    func typedTextNarrowsTheSearch(keys: [Key], text: String) {
        let editor = editor(after: [.text("draft"), .search] + keys)
        #expect(editor.text == text)
        #expect(editor.searchPrompt != nil)
    }

    @Test func thePromptShowsTheQuery() {
        #expect(editor(after: []).searchPrompt == nil)
        #expect(editor(after: [.search]).searchPrompt == "search '': ")
        #expect(editor(after: [.search, .text("wh")]).searchPrompt == "search 'wh': ")
        #expect(editor(after: [.search, .text("whx")]).searchPrompt == "not found 'whx': ")
        let long = editor(after: [.search, .text(String(repeating: "x", count: 100))]).searchPrompt ?? ""
        #expect(long.count < 50 && long.contains("…"))
    }

    @Test func theCursorIsAtTheMatch() { #expect(editor(after: [.search, .text("whale")]).cursor == 6) }

    @Test func enterSubmitsTheMatch() {
        var editor = editor(after: [.search, .text("sec")])
        #expect(editor.handle(.enter) == .submitted("second"))
    }

    @Test(arguments: [Key.cancel, .interrupt])
    func aSearchCanBeGivenUp(key: Key) {
        var editor = editor(after: [.text("draft"), .left, .search, .text("sec")])
        #expect(editor.handle(key) == .edited)
        #expect(editor.text == "draft" && editor.cursor == 4 && editor.searchPrompt == nil)
    }

    @Test func otherKeysEditTheMatch() {
        #expect(editor(after: [.search, .text("sec"), .end, .backspace]).text == "secon")
        let older = editor(after: [.text("draft"), .search, .text("sec"), .up])
        #expect(older.text == "first whale" && older.searchPrompt == nil)
        #expect(editor(after: [.text("draft"), .search, .text("sec"), .down, .down]).text == "draft")
    }

    @Test func keysWithoutAnEffectAreRefused() {
        var editor = editor(after: [.search])
        #expect(editor.handle(.search) == .refused)
        #expect(editor.handle(.backspace) == .refused)
        #expect(editor.handle(.text(String(repeating: "x", count: 1000))) == .refused)
        #expect(editor.handle(.cancel) == .edited)
        #expect(editor.handle(.cancel) == .refused)
    }

    @Test func thePromptOfTheScreenCanChange() {
        var screen = Screen(prompt: "> ", continuation: ". ")
        screen.prompt = "search 'a': "
        #expect(screen.layout(Array("ab"), cursor: 0, width: 40) == Screen.Layout(rows: ["search 'a': ab"], cursorRow: 0, cursorColumn: 12))
    }
}
