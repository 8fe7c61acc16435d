import ShimmyTerminal
import Testing

@Suite struct WordWrapTests {
    /// Returns the rows that a terminal shows after the parts.
    private func rows(_ parts: [String], width: Int) -> [String] {
        var wrap = WordWrap()
        var rows = [""]
        for part in parts {
            var rest = wrap.text(part, width: width)[...]
            while let character = rest.popFirst() {
                switch character {
                case "\n": rows.append("")
                case "\u{1b}":
                    let count = Int(rest.dropFirst().prefix { $0.isNumber }) ?? 0
                    let command = rest.drop { !$0.isLetter }.first
                    rest = rest.drop { !$0.isLetter }.dropFirst()
                    // The cursor moves back and the rest of the row is erased.
                    if command == "D" { rows[rows.count - 1].removeLast(count) } else { #expect(command == "K") }
                default:
                    if rows[rows.count - 1].cells + character.cells > width { rows.append("") }
                    rows[rows.count - 1].append(character)
                }
            }
        }
        return rows
    }

    /// Returns the characters of a text, each as a part of a stream.
    private func characters(_ text: String) -> [String] { text.map { String($0) } }

    @Test(arguments: ["the quick brown fox", "a bb ccc dddd eeeee ffffff ggggggg", "one\n\ntwo three four"])
    func wordsStayWhole(text: String) {
        for parts in [[text], characters(text)] {
            let shown = rows(parts, width: 11)
            #expect(shown.allSatisfy { $0.cells < 11 })
            #expect(shown.flatMap { $0.split(separator: " ") } == text.split { $0 == " " || $0 == "\n" })
        }
    }

    @Test func theRowsAreFull() {
        #expect(rows(characters("the quick brown fox"), width: 11) == ["the quick ", "brown fox"])
        #expect(rows(["the quick brown fox"], width: 10) == ["the quick", "brown fox"])
    }

    @Test func aWordThatIsLongerThanARowIsLeftToTheTerminal() {
        let shown = rows(characters("see abcdefghijklmnopqrstuvwxyz now"), width: 10)
        #expect(shown.joined().replacing(" ", with: "") == "seeabcdefghijklmnopqrstuvwxyznow")
        #expect(shown.count <= 5)
    }

    @Test func wideCharactersMayBeApart() {
        let shown = rows(characters("日本語日本語日本語"), width: 8)
        #expect(shown == ["日本語", "日本語", "日本語"])
    }

    @Test func linesOfACodeBlockAreNotBroken() {
        let code = "```swift\nlet number = value + other\n```\n"
        var wrap = WordWrap()
        #expect(characters(code).map { wrap.text($0, width: 12) }.joined() == code)
        #expect(wrap.text("one two three four", width: 12) != "one two three four")
    }
}
