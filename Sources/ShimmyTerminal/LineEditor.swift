/// A text with a cursor, and the effects of keys on it. The text may have several lines; Enter at its end submits it (`submitted`).
package struct LineEditor {
    package enum Action: Sendable, Equatable {
        /// The text or the cursor changed and must be shown.
        case edited
        /// The key has no effect here.
        case refused
        case submitted(String)
        /// Ctrl-C: the text is discarded.
        case interrupted
        /// Ctrl-D on an empty text.
        case ended
        case clearScreen
        case suspend
    }

    package internal(set) var characters: [Character] = []
    /// The index of the character after the cursor; the number of characters if the cursor is at the end.
    package internal(set) var cursor = 0
    var history: History
    /// The search of the history; nil if there is none.
    var search: HistorySearch?
    private var deleted: [Character] = []

    package init(history: History) { self.history = history }

    package var text: String { String(characters) }

    package mutating func handle(_ key: Key) -> Action {
        if let action = continueSearch(key) { return action }
        switch key {
        case .text(let text), .paste(let text): insert(text)
        case .newLine: insert("\n")
        case .enter:
            guard MultilineText(text).isComplete else {
                insert("\n")
                return .edited
            }
            return .submitted(text)
        case .interrupt: return .interrupted
        case .clearScreen: return .clearScreen
        case .suspend: return .suspend
        case .search: return beginSearch()
        case .cancel: return .refused
        case .endOfFile:
            if characters.isEmpty { return .ended }
            return delete(cursor..<min(cursor + 1, characters.count))
        case .backspace: return delete(max(0, cursor - 1)..<cursor)
        case .delete: return delete(cursor..<min(cursor + 1, characters.count))
        case .deleteWord: return delete(wordStart..<cursor, keep: true)
        case .deleteToEnd: return delete(cursor..<lineEnd, keep: true)
        case .deleteToStart: return delete(lineStart..<cursor, keep: true)
        case .yank: insert(String(deleted))
        case .left: return move(to: cursor - 1)
        case .right: return move(to: cursor + 1)
        case .wordLeft: return move(to: wordStart)
        case .wordRight: return move(to: wordEnd)
        case .home: return move(to: lineStart)
        case .end: return move(to: lineEnd)
        case .up: return up()
        case .down: return down()
        }
        return .edited
    }

    // MARK: Edits

    /// Inserts a text at the cursor. A combining mark merges with the character before it.
    private mutating func insert(_ text: String) {
        let start = max(0, cursor - 1)
        let whole = Array(String(characters[start..<cursor]) + text)
        characters.replaceSubrange(start..<cursor, with: whole)
        cursor = start + whole.count
    }

    /// Deletes a range of characters.
    /// - keep: whether Ctrl-Y can insert the deleted text.
    private mutating func delete(_ range: Range<Int>, keep: Bool = false) -> Action {
        if range.isEmpty { return .refused }
        if keep { deleted = Array(characters[range]) }
        characters.removeSubrange(range)
        cursor = range.lowerBound
        return .edited
    }

    private mutating func replaceAll(_ text: String) {
        characters = Array(text)
        cursor = characters.count
    }

    // MARK: Movements

    private mutating func move(to index: Int) -> Action {
        let target = min(max(0, index), characters.count)
        if target == cursor { return .refused }
        cursor = target
        return .edited
    }

    private var lineStart: Int { (characters[..<cursor].lastIndex(of: "\n") ?? -1) + 1 }
    private var lineEnd: Int { characters[cursor...].firstIndex(of: "\n") ?? characters.count }

    private var wordStart: Int {
        var index = cursor
        while index > 0, !Self.isWord(characters[index - 1]) { index -= 1 }
        while index > 0, Self.isWord(characters[index - 1]) { index -= 1 }
        return index
    }

    private var wordEnd: Int {
        var index = cursor
        while index < characters.count, !Self.isWord(characters[index]) { index += 1 }
        while index < characters.count, Self.isWord(characters[index]) { index += 1 }
        return index
    }

    private static func isWord(_ character: Character) -> Bool { character.isLetter || character.isNumber || character == "_" }

    /// Moves up one line in a text of several lines; from the first line, goes to the previous history entry.
    private mutating func up() -> Action {
        if lineStart > 0 {
            let column = cursor - lineStart
            let previousEnd = lineStart - 1
            let previousStart = (characters[..<previousEnd].lastIndex(of: "\n") ?? -1) + 1
            return move(to: min(previousStart + column, previousEnd))
        }
        guard let earlier = history.earlier(than: text) else { return .refused }
        replaceAll(earlier)
        return .edited
    }

    private mutating func down() -> Action {
        if lineEnd < characters.count {
            let column = cursor - lineStart
            let nextStart = lineEnd + 1
            let nextEnd = characters[nextStart...].firstIndex(of: "\n") ?? characters.count
            return move(to: min(nextStart + column, nextEnd))
        }
        guard let later = history.later() else { return .refused }
        replaceAll(later)
        return .edited
    }
}
