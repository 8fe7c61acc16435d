// Edits lines on a terminal: bytes in, keys, edits, bytes for the screen out. Knows nothing of models, servers or what lines mean.

/// What a person pressed, or pasted.
package enum Key: Sendable, Equatable {
    /// One or more characters as they were typed.
    case text(String)
    /// A text that came at once, line feeds included.
    case paste(String)
    case enter
    /// Enter with Alt: a new line rather than the end of the input.
    case newLine
    case backspace, delete
    case left, right, up, down, home, end
    case wordLeft, wordRight
    /// ctrl-w and alt-backspace.
    case deleteWord
    /// ctrl-k, ctrl-u.
    case deleteToEnd, deleteToStart
    /// ctrl-y: what was deleted last.
    case yank
    /// ctrl-c, ctrl-d, ctrl-l, ctrl-z.
    case interrupt, endOfFile, clearScreen, suspend
}
