import ShimmyTerminal
import Testing

@Suite struct ScreenTests {
    private let screen = Screen(prompt: "> ", continuation: ". ")

    private func layout(_ text: String, cursor: Int? = nil, width: Int = 10) -> Screen.Layout {
        screen.layout(Array(text), cursor: cursor ?? text.count, width: width)
    }

    @Test(arguments: [
        ("a" as Character, 1), ("é", 1), ("e\u{301}", 1), ("日", 2), ("ｱ", 1), ("Ａ", 2), ("👋", 2), ("👩‍👩‍👧", 2), ("❤️", 2), ("한", 2), ("\u{3}", 2),
        ("—", 1), ("א", 1), ("\u{200b}", 0),
    ])
    func charactersHaveWidths(character: Character, cells: Int) { #expect(character.cells == cells) }

    @Test func aShortLineIsOneRow() {
        #expect(layout("abc", cursor: 1) == Screen.Layout(rows: ["> abc"], cursorRow: 0, cursorColumn: 3))
    }

    @Test func longLinesWrap() {
        #expect(layout("abcdefghij") == Screen.Layout(rows: ["> abcdefgh", "ij"], cursorRow: 1, cursorColumn: 2))
        #expect(layout("abcdefghij", cursor: 8) == Screen.Layout(rows: ["> abcdefgh", "ij"], cursorRow: 1, cursorColumn: 0))
    }

    @Test func afterAFullRowTheCursorIsOnTheNext() {
        #expect(layout("abcdefgh") == Screen.Layout(rows: ["> abcdefgh", ""], cursorRow: 1, cursorColumn: 0))
    }

    @Test func aWideCharacterIsNotCut() {
        #expect(layout("abcdefg日x") == Screen.Layout(rows: ["> abcdefg", "日x"], cursorRow: 1, cursorColumn: 3))
    }

    @Test func linesBeginWithTheContinuation() {
        #expect(layout("a\nb", cursor: 1) == Screen.Layout(rows: ["> a", ". b"], cursorRow: 0, cursorColumn: 3))
        #expect(layout("a\n") == Screen.Layout(rows: ["> a", ". "], cursorRow: 1, cursorColumn: 2))
    }

    @Test func controlCharactersAreShownAndDoNothing() {
        #expect(layout("a\u{1b}[2J").rows == ["> a^[[2J"])
    }

    /// Returns the content of a terminal of the given size after the output.
    private func played(_ bytes: [String], width: Int, height: Int) -> (rows: [String], cursor: (Int, Int)) {
        var terminal = TinyTerminal(width: width, height: height)
        for part in bytes { terminal.write(part) }
        return (terminal.text, (terminal.row, terminal.column))
    }

    @Test func whatWasShownIsReplaced() {
        var screen = screen
        let bytes = [
            screen.show(Array("abcdefghij"), cursor: 10, width: 10, height: 5), screen.show(Array("abc"), cursor: 1, width: 10, height: 5),
        ]
        let (rows, cursor) = played(bytes, width: 10, height: 5)
        #expect(rows == ["> abc"])
        #expect(cursor == (0, 3))
    }

    @Test func aRowThatIsFullKeepsItsLastCharacter() {
        var screen = screen
        let bytes = [screen.show(Array("abcdefgh"), cursor: 2, width: 10, height: 5)]
        #expect(played(bytes, width: 10, height: 5).rows == ["> abcdefgh"])
    }

    @Test func aTextHigherThanTheScreenShowsWhereTheCursorIs() {
        var screen = screen
        let text = Array((0..<9).map { "line \($0)" }.joined(separator: "\n"))
        var bytes = [screen.show(text, cursor: text.count, width: 20, height: 4)]
        #expect(played(bytes, width: 20, height: 4).rows == [". line 5", ". line 6", ". line 7", ". line 8"])
        bytes.append(screen.show(text, cursor: 0, width: 20, height: 4))
        let (rows, cursor) = played(bytes, width: 20, height: 4)
        #expect(rows == ["> line 0", ". line 1", ". line 2", ". line 3"])
        #expect(cursor == (0, 2))
    }

    /// A terminal breaks long rows when it becomes narrower, and does not join rows when it becomes wider.
    @Test(arguments: [(5, 10, 2), (10, 5, 2), (10, 4, 3), (10, 10, 1)])
    func nothingOfTheTextRemainsAfterAResize(from old: Int, to new: Int, rowsAbove: Int) {
        var screen = screen
        _ = screen.show(Array("abcdefghij"), cursor: 10, width: old, height: 20)
        #expect(screen.show(Array("abcdefghij"), cursor: 10, width: new, height: 20).hasPrefix("\u{1b}[\(rowsAbove)A\r\u{1b}[J> "))
    }

    @Test func leavingGoesBelowTheText() {
        var screen = screen
        let bytes = [screen.show(Array("one\ntwo"), cursor: 0, width: 20, height: 5), screen.leave(width: 20, height: 5)]
        let (rows, cursor) = played(bytes, width: 20, height: 5)
        #expect(rows == ["> one", ". two"])
        #expect(cursor == (2, 0))
    }
}

/// A terminal with only the features that the editor uses. Every character takes one cell.
private struct TinyTerminal {
    private var cells: [[Character]]
    private(set) var row = 0
    private(set) var column = 0
    private let width: Int

    init(width: Int, height: Int) {
        self.width = width
        cells = Array(repeating: Array(repeating: " ", count: width), count: height)
    }

    var text: [String] {
        var rows = cells.map { row in String(String(row).reversed().drop { $0 == " " }.reversed()) }
        while rows.last == "" { rows.removeLast() }
        return rows
    }

    mutating func write(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\r": column = 0
            case "\n": lineFeed()
            case "\u{1b}": rest = control(rest.dropFirst())
            default:
                if column == width {
                    column = 0
                    lineFeed()
                }
                cells[row][column] = Character(scalar)
                column += 1
            }
        }
    }

    private mutating func lineFeed() {
        if row + 1 < cells.count {
            row += 1
        } else {
            cells.removeFirst()
            cells.append(Array(repeating: " ", count: width))
        }
    }

    private mutating func control(_ scalars: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        let digits = scalars.prefix { ("0"..."9").contains($0) }
        let number = Int(String(String.UnicodeScalarView(digits))) ?? 1
        let rest = scalars.dropFirst(digits.count)
        switch rest.first {
        case "A": row = max(0, row - number)
        case "C": column = min(width - 1, column + number)
        case "J":
            // After a full row the cursor is still on its last cell.
            for cell in min(column, width - 1)..<width { cells[row][cell] = " " }
            for below in cells.indices where below > row { cells[below] = Array(repeating: " ", count: width) }
        default: break
        }
        return rest.dropFirst()
    }
}
