/// Tracks whether a model is reasoning, from the bytes of its answer.
package struct ThinkingTracker: Sendable {
    private let start: [UInt8]
    private let ends: [[UInt8]]
    /// The last bytes (up to 256), enough for any tag.
    private var tail: [UInt8] = []
    package private(set) var isThinking: Bool

    /// Creates a tracker at the start of an answer.
    /// - prefix: the end of the prompt that belongs to the answer's format. It can open the reasoning, and also close it again.
    package init(_ tags: ThinkingTags, prefix: String) {
        start = Array(tags.start.utf8)
        ends = tags.ends.map { Array($0.utf8) }
        isThinking = tags.start.isEmpty
        push(Array(prefix.utf8))
    }

    package mutating func push(_ bytes: [UInt8]) {
        for byte in bytes { push(byte) }
    }

    /// Returns whether a tag ends with `byte`.
    @discardableResult
    private mutating func push(_ byte: UInt8) -> Bool {
        tail.append(byte)
        if tail.count > 256 { tail.removeFirst(128) }
        let tags = isThinking ? ends : start.isEmpty ? [] : [start]
        guard tags.contains(where: { tail.suffix($0.count).elementsEqual($0) }) else { return false }
        isThinking.toggle()
        tail.removeAll()
        return true
    }

    /// Reads bytes and returns those that belong neither to the reasoning nor to a tag.
    /// - retracted: the number of bytes at the end of earlier results that were part of an opening tag.
    mutating func contentBytes(of bytes: [UInt8]) -> (content: [UInt8], retracted: Int) {
        var content: [UInt8] = []
        var retracted = 0
        for byte in bytes {
            let wasThinking = isThinking
            let endsTag = push(byte)
            if wasThinking { continue }
            guard endsTag else {
                content.append(byte)
                continue
            }
            let here = min(start.count - 1, content.count)
            content.removeLast(here)
            retracted += start.count - 1 - here
        }
        return (content, retracted)
    }

    /// Whether the bytes end within a character.
    var endsWithinCharacter: Bool { UTF8Buffer.incompleteTail(of: tail) > 0 }
}
