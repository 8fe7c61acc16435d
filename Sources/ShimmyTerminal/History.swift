/// What was entered before, oldest first, and how far back one has gone.
package struct History: Sendable, Equatable {
    /// More are forgotten, the oldest first.
    package static let most = 1000
    /// Longer texts are not kept: they were pasted.
    package static let longestBytes = 16384

    package private(set) var entries: [String]
    /// What is shown; the number of entries while nothing of them is.
    private var position: Int
    /// What was typed before going back.
    private var draft = ""

    package init(entries: [String] = []) {
        self.entries = Array(entries.suffix(Self.most))
        position = self.entries.count
    }

    /// Repeating what came last adds nothing.
    package mutating func add(_ text: String) {
        if !text.allSatisfy(\.isWhitespace), text.utf8.count <= Self.longestBytes, entries.last != text { entries.append(text) }
        if entries.count > Self.most { entries.removeFirst(entries.count - Self.most) }
        position = entries.count
        draft = ""
    }

    /// - current: what is typed now; it comes back after the last entry.
    mutating func earlier(than current: String) -> String? {
        guard position > 0 else { return nil }
        if position == entries.count { draft = current }
        position -= 1
        return entries[position]
    }

    mutating func later() -> String? {
        guard position < entries.count else { return nil }
        position += 1
        return position == entries.count ? draft : entries[position]
    }
}
