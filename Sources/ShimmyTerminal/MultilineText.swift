/// Text that is entered over several lines: what begins with `"""` ends with the next `"""` at a line's end.
package struct MultilineText {
    private static let mark = "\"\"\""
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Whether Enter ends it.
    package var isComplete: Bool {
        let trimmed = text.drop { $0 == " " }
        guard trimmed.hasPrefix(Self.mark) else { return true }
        return trimmed.dropFirst(Self.mark.count).reversed().drop(while: \.isWhitespace).starts(with: Self.mark)
    }

    /// Without the marks.
    package var content: String {
        let trimmed = text.drop { $0 == " " }
        guard trimmed.hasPrefix(Self.mark), isComplete else { return text }
        var inner = trimmed.dropFirst(Self.mark.count)
        while inner.last?.isWhitespace == true { inner.removeLast() }
        inner.removeLast(Self.mark.count)
        if inner.first == "\n" { inner.removeFirst() }
        if inner.last == "\n" { inner.removeLast() }
        return String(inner)
    }
}
