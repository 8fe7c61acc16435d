/// The position of an edited text on the screen, and the bytes that draw it.
package struct Screen {
    /// The text as rows of the terminal.
    package struct Layout: Equatable {
        package var rows: [String]
        package var cursorRow: Int
        package var cursorColumn: Int

        package init(rows: [String], cursorRow: Int, cursorColumn: Int) {
            self.rows = rows
            self.cursorRow = cursorRow
            self.cursorColumn = cursorColumn
        }
    }

    /// The prompt of the first line.
    package var prompt: String
    /// The prompt of every line after the first.
    private let continuation: String
    /// The text and its cursor, and the rows with which they were drawn; nil if nothing is drawn. `firstRow` is the first of the text's rows that is
    /// shown.
    private var shown: (characters: [Character], cursor: Int) = ([], 0)
    private var drawn: Layout?
    private var firstRow = 0

    package init(prompt: String, continuation: String) {
        self.prompt = prompt
        self.continuation = continuation
    }

    /// Returns the layout of a text.
    /// - width: the number of cells of a row.
    package func layout(_ characters: [Character], cursor: Int, width: Int) -> Layout {
        var rows = [prompt]
        var column = prompt.cells
        var place = (row: 0, column: column)
        func begin(_ row: String) {
            rows.append(row)
            column = row.cells
        }
        for (index, character) in characters.enumerated() {
            if character != "\n", column + character.cells > width { begin("") }
            if index == cursor { place = (rows.count - 1, column) }
            if character == "\n" {
                begin(continuation)
            } else {
                rows[rows.count - 1] += Self.visible(character)
                column += character.cells
            }
        }
        if cursor == characters.count {
            if column >= width { begin("") }
            place = (rows.count - 1, column)
        }
        return Layout(rows: rows, cursorRow: place.row, cursorColumn: place.column)
    }

    private static func visible(_ character: Character) -> String {
        guard let first = character.unicodeScalars.first, first.value < 0x20 || first.value == 0x7f else { return String(character) }
        if character == "\t" { return "  " }
        return "^" + String(Character(Unicode.Scalar(UInt8(first.value ^ 0x40))))
    }

    /// Returns the bytes that replace the content of the screen. If the text is higher than the screen, they show the part around the cursor.
    package mutating func show(_ characters: [Character], cursor: Int, width: Int, height: Int) -> String {
        let after = layout(characters, cursor: cursor, width: width)
        let up = min(rowsAboveCursor(width: width), height - 1)
        firstRow = Self.window(after, from: firstRow, height: height)
        let visible = after.rows[firstRow..<min(after.rows.count, firstRow + height)]
        shown = (characters, cursor)
        drawn = after
        var bytes = up > 0 ? "\u{1b}[\(up)A" : ""
        // Clear before writing: after a full row the cursor is still on the row's last cell, and clearing then would erase that cell.
        bytes += "\r\u{1b}[J" + visible.joined(separator: "\r\n")
        let below = visible.count - 1 - (after.cursorRow - firstRow)
        if below > 0 { bytes += "\u{1b}[\(below)A" }
        return bytes + "\r" + (after.cursorColumn > 0 ? "\u{1b}[\(after.cursorColumn)C" : "")
    }

    /// Returns the bytes that move the cursor below the text, which stays on the screen.
    package mutating func leave(width: Int, height: Int) -> String {
        show(shown.characters, cursor: shown.characters.count, width: width, height: height) + "\r\n"
    }

    /// Returns the number of rows between the first row that was drawn and the cursor. The terminal may have been resized meanwhile: it breaks rows
    /// that are too long for the new width, and keeps the ends of the others, because each row was drawn as a line of its own.
    private func rowsAboveCursor(width: Int) -> Int {
        guard let drawn, firstRow < drawn.cursorRow else { return drawn.map { $0.cursorColumn / width } ?? 0 }
        let rows = drawn.rows[firstRow..<drawn.cursorRow].map { max(1, ($0.cells + width - 1) / width) }
        return rows.reduce(0, +) + drawn.cursorColumn / width
    }

    /// Returns the bytes that draw the text again after the terminal was resized.
    mutating func redraw(width: Int, height: Int) -> String {
        show(shown.characters, cursor: shown.cursor, width: width, height: height)
    }

    /// Resets the state for an empty screen.
    package mutating func reset() {
        shown = ([], 0)
        drawn = nil
        firstRow = 0
    }

    private static func window(_ layout: Layout, from first: Int, height: Int) -> Int {
        let latest = max(0, layout.rows.count - height)
        let first = min(first, latest)
        if layout.cursorRow < first { return layout.cursorRow }
        return layout.cursorRow >= first + height ? layout.cursorRow - height + 1 : first
    }
}
