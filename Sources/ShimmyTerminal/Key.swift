// Line editing on a terminal: input bytes become keys, keys become edits, edits become bytes for the screen. This target does not depend on models,
// servers or the meaning of lines.

/// A key that the user pressed, or a text that the user pasted.
package enum Key: Sendable, Equatable {
    /// One or more typed characters.
    case text(String)
    /// A pasted text, which may contain line feeds.
    case paste(String)
    case enter
    /// Alt-Enter: adds a line and does not end the input.
    case newLine
    case backspace, delete
    case left, right, up, down, home, end
    case wordLeft, wordRight
    /// Ctrl-W and Alt-Backspace.
    case deleteWord
    /// Ctrl-K, Ctrl-U.
    case deleteToEnd, deleteToStart
    /// Ctrl-Y: inserts the text that was deleted last.
    case yank
    /// Ctrl-R: searches the history. Ctrl-G: leaves the search.
    case search, cancel
    /// Ctrl-C, Ctrl-D, Ctrl-L, Ctrl-Z.
    case interrupt, endOfFile, clearScreen, suspend
}
