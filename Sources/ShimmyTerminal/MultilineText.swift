/// A text entered over several lines: if it begins with `"""`, it ends with the next `"""` at the end of a line.
package struct MultilineText {
    private static let mark = "\"\"\""
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Whether Enter submits the text.
    package var isComplete: Bool {
        let trimmed = text.drop { $0 == " " }
        guard trimmed.hasPrefix(Self.mark) else { return true }
        return trimmed.dropFirst(Self.mark.count).reversed().drop(while: \.isWhitespace).starts(with: Self.mark)
    }

    /// The text without the marks.
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
