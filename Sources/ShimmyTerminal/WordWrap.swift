/// Breaks a streamed text between words instead of inside them, at the width of a terminal that supports escape sequences.
///
/// Text is shown at once. If a word turns out not to fit, its beginning is erased and the word is written again on the next row. The terminal itself
/// breaks words that are longer than a row, and the lines of a code block, which users copy.
package struct WordWrap {
    /// The cells of the row that are in use.
    private var column = 0
    /// The part of the word at the end of the row that was already shown.
    private var word = ""
    /// The characters of the line so far, to find the marks of a code block; nil once the line cannot be one.
    private var lineStart: String? = ""
    private var isCode = false
    private static let mark = "```"

    package init() {}

    /// Returns the output for the next part of the text.
    /// - width: the number of cells of a row.
    package mutating func text(_ part: String, width: Int) -> String {
        var bytes = ""
        for character in part {
            if character == "\n" || character == "\r\n" {
                newLine()
                bytes += "\n"
            } else {
                watch(character)
                bytes += isCode ? plain(character, width) : wrapped(character, width)
            }
        }
        return bytes
    }

    /// Starts a new line, which the caller has written.
    package mutating func newLine() {
        if lineStart == Self.mark { isCode.toggle() }
        (column, word, lineStart) = (0, "", "")
    }

    /// Follows the beginning of the line. Text after the mark of a code block is the name of its language.
    private mutating func watch(_ character: Character) {
        guard let start = lineStart, start != Self.mark else { return }
        let next = start + String(character)
        lineStart = Self.mark.hasPrefix(next) ? next : nil
    }

    /// Leaves the break of the row to the terminal.
    private mutating func plain(_ character: Character, _ width: Int) -> String {
        let cells = Self.cells(character, at: column)
        column = column + cells > width ? cells : column + cells
        return String(character)
    }

    private static func cells(_ character: Character, at column: Int) -> Int { character == "\t" ? 8 - column % 8 : character.cells }

    private mutating func wrapped(_ character: Character, _ width: Int) -> String {
        // The last cell stays free, because the cursor after it cannot be moved back reliably.
        let limit = max(1, width - 1)
        let cells = Self.cells(character, at: column)
        // A line can end before and after a wide character, as in Chinese and Japanese.
        let endsWord = character.isWhitespace || cells > 1
        if column + cells <= limit {
            column += cells
            word = endsWord ? "" : word + String(character)
            return String(character)
        }
        if character.isWhitespace {
            (column, word) = (0, "")
            return "\n"
        }
        let moved = word
        guard moved.cells < column, moved.cells + cells <= limit else {
            word = endsWord ? "" : moved + String(character)
            return plain(character, width)
        }
        column = moved.cells + cells
        word = endsWord ? "" : moved + String(character)
        let erased = moved.isEmpty ? "" : "\u{1b}[\(moved.cells)D\u{1b}[K"
        return erased + "\n" + moved + String(character)
    }
}
