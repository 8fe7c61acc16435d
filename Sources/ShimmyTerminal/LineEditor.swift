/// A text under the cursor, and what keys do to it. It may have several lines; when Enter ends it, it is `submitted`.
package struct LineEditor {
    package enum Action: Sendable, Equatable {
        /// The screen has to show what changed.
        case edited
        /// Nothing changed, nothing can.
        case refused
        case submitted(String)
        /// ctrl-c: what was typed is given up.
        case interrupted
        /// ctrl-d on an empty line.
        case ended
        case clearScreen
        case suspend
    }

    package private(set) var characters: [Character] = []
    /// Before this character; the number of characters at the end.
    package private(set) var cursor = 0
    private var history: History
    private var deleted: [Character] = []

    package init(history: History) { self.history = history }

    package var text: String { String(characters) }

    package mutating func handle(_ key: Key) -> Action {
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

    // MARK: Changing

    /// A mark that belongs to the character before it becomes one with it.
    private mutating func insert(_ text: String) {
        let start = max(0, cursor - 1)
        let whole = Array(String(characters[start..<cursor]) + text)
        characters.replaceSubrange(start..<cursor, with: whole)
        cursor = start + whole.count
    }

    /// - keep: for ctrl-y.
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

    // MARK: Moving

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

    /// Within a text of several lines first, then through what was entered before.
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
