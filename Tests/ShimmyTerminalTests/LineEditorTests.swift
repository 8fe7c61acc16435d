import ShimmyTerminal
import Testing

@Suite struct LineEditorTests {
    /// Returns the line after some keys; `|` is the cursor.
    private func after(_ keys: [Key], history: [String] = []) -> String {
        var editor = LineEditor(history: History(entries: history))
        for key in keys { _ = editor.handle(key) }
        return String(editor.characters[..<editor.cursor]) + "|" + String(editor.characters[editor.cursor...])
    }

    @Test func textGoesInAtTheCursor() {
        #expect(after([.text("ac"), .left, .text("b")]) == "ab|c")
        #expect(after([.text("日本"), .left, .text("x")]) == "日x|本")
    }

    @Test func aCharacterIsWhatAPersonSees() {
        #expect(after([.text("e"), .text("\u{301}"), .backspace]) == "|")
        #expect(after([.text("👩‍👩‍👧"), .text("!"), .left, .left]) == "|👩‍👩‍👧!")
        #expect(after([.text("👩"), .text("\u{200d}"), .text("👧"), .backspace]) == "|")
    }

    @Test func theCursorMovesWithinTheLine() {
        #expect(after([.text("abc"), .home, .right]) == "a|bc")
        #expect(after([.text("abc"), .home, .end]) == "abc|")
        #expect(after([.text("one two_2, three"), .wordLeft, .wordLeft]) == "one |two_2, three")
        #expect(after([.text("one two"), .home, .wordRight]) == "one| two")
    }

    @Test func partsAreDeletedAndComeBack() {
        #expect(after([.text("one two"), .deleteWord]) == "one |")
        #expect(after([.text("one two"), .wordLeft, .deleteToEnd]) == "one |")
        #expect(after([.text("one two"), .wordLeft, .deleteToStart]) == "|two")
        #expect(after([.text("one two"), .deleteToStart, .text("x"), .yank]) == "xone two|")
        #expect(after([.text("abc"), .home, .delete]) == "|bc")
        #expect(after([.text("abc"), .home, .endOfFile]) == "|bc")
    }

    @Test func whatCannotBeDoneIsRefused() {
        var editor = LineEditor(history: History())
        for key in [Key.left, .right, .backspace, .delete, .up, .down, .home, .deleteWord] { #expect(editor.handle(key) == .refused) }
    }

    @Test func enterEndsALine() {
        var editor = LineEditor(history: History())
        #expect(editor.handle(.text("Hello")) == .edited)
        #expect(editor.handle(.left) == .edited)
        #expect(editor.handle(.enter) == .submitted("Hello"))
    }

    @Test func threeQuotesMakeSeveralLines() {
        var editor = LineEditor(history: History())
        for key in [Key.text("\"\"\"one"), .enter, .text("two"), .enter, .text("\"\"\"")] { #expect(editor.handle(key) == .edited) }
        #expect(editor.handle(.enter) == .submitted("\"\"\"one\ntwo\n\"\"\""))
    }

    @Test func aPasteOfSeveralLinesIsOneText() {
        var editor = LineEditor(history: History())
        #expect(editor.handle(.paste("one\ntwo")) == .edited)
        #expect(editor.handle(.newLine) == .edited)
        #expect(editor.handle(.enter) == .submitted("one\ntwo\n"))
    }

    @Test func controlKeysEndOrInterrupt() {
        var editor = LineEditor(history: History())
        #expect(editor.handle(.endOfFile) == .ended)
        #expect(editor.handle(.interrupt) == .interrupted)
        #expect(editor.handle(.clearScreen) == .clearScreen)
        #expect(editor.handle(.suspend) == .suspend)
    }

    @Test func upAndDownGoThroughHistoryAndBackToTheDraft() {
        let history = ["first", "second"]
        #expect(after([.up], history: history) == "second|")
        #expect(after([.up, .up, .up], history: history) == "first|")
        #expect(after([.text("draft"), .up, .up, .down], history: history) == "second|")
        #expect(after([.text("draft"), .up, .down], history: history) == "draft|")
    }

    @Test func upAndDownMoveWithinATextOfSeveralLinesFirst() {
        #expect(after([.paste("long line\nab"), .up]) == "lo|ng line\nab")
        #expect(after([.paste("ab\nlong line"), .home, .up, .end, .down]) == "ab\nlo|ng line")
        #expect(after([.paste("a\nb"), .up, .up], history: ["old"]) == "old|")
        #expect(after([.paste("one\ntwo"), .home]) == "one\n|two")
    }

    @Test func historyIsBoundedAndSkipsRepetitions() {
        var history = History()
        for number in 0..<(History.most + 10) { history.add("entry \(number)") }
        history.add("entry \(History.most + 9)")
        history.add("  ")
        history.add(String(repeating: "x", count: History.longestBytes + 1))
        #expect(history.entries.count == History.most)
        #expect(history.entries.first == "entry 10")
        #expect(history.entries.last == "entry \(History.most + 9)")
    }

    @Test(arguments: [
        ("plain", true, "plain"), ("\"\"\"", false, "\"\"\""), ("\"\"\"a\nb", false, "\"\"\"a\nb"), ("\"\"\"a\nb\"\"\"", true, "a\nb"),
        ("\"\"\"\na\n\"\"\"  ", true, "a"), ("\"\"\"one\"\"\"", true, "one"), ("say \"\"\"", true, "say \"\"\""), ("\"\"\"\"\"\"", true, ""),
    ])
    func marksOfSeveralLines(text: String, isComplete: Bool, content: String) {
        #expect(MultilineText(text).isComplete == isComplete)
        #expect(MultilineText(text).content == content)
    }
}
