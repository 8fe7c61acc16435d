/// The lines entered before, oldest first, and the position of the user in them.
package struct History: Sendable, Equatable {
    /// The maximum number of entries; beyond it the oldest ones are dropped.
    package static let most = 1000
    /// The maximum number of bytes of an entry. Longer texts were pasted and are not kept.
    package static let longestBytes = 16384

    package private(set) var entries: [String]
    /// The index of the entry that is shown; the number of entries if none is.
    private var position: Int
    /// The text that was typed before the user went back.
    private var draft = ""

    package init(entries: [String] = []) {
        self.entries = Array(entries.suffix(Self.most))
        position = self.entries.count
    }

    /// Adds an entry, unless it is blank, too long or equal to the last one.
    package mutating func add(_ text: String) {
        if !text.allSatisfy(\.isWhitespace), text.utf8.count <= Self.longestBytes, entries.last != text { entries.append(text) }
        if entries.count > Self.most { entries.removeFirst(entries.count - Self.most) }
        position = entries.count
        draft = ""
    }

    /// Returns the entry before the current one; nil at the first one.
    /// - current: the text that is typed now; it is restored after the last entry.
    mutating func earlier(than current: String) -> String? {
        guard position > 0 else { return nil }
        if position == entries.count { draft = current }
        position -= 1
        return entries[position]
    }

    /// Makes an entry the current one.
    /// - draft: the text that was typed before; it is restored after the last entry.
    mutating func select(_ entry: Int, from draft: String) {
        guard entries.indices.contains(entry) else { return }
        if position == entries.count { self.draft = draft }
        position = entry
    }

    /// Returns the newest entry before an index that contains a text, and the index of the text's first character in it; nil if there is none. Upper
    /// and lower case are the same.
    func newest(containing text: String, before end: Int) -> (entry: Int, place: Int)? {
        let wanted = text.map { $0.lowercased() }
        for entry in entries.indices.prefix(max(0, end)).reversed() {
            let characters = entries[entry].map { $0.lowercased() }
            if let range = characters.firstRange(of: wanted) { return (entry, range.lowerBound) }
        }
        return nil
    }

    mutating func later() -> String? {
        guard position < entries.count else { return nil }
        position += 1
        return position == entries.count ? draft : entries[position]
    }
}
