/// Follows an answer's bytes and knows whether the model is thinking.
package struct ThinkingTracker: Sendable {
    private let start: [UInt8]
    private let ends: [[UInt8]]
    /// The last bytes, as many as a tag may need.
    private var tail: [UInt8] = []
    package private(set) var isThinking: Bool

    /// - prefix: the end of the prompt that belongs to the answer's format; it may open the thinking, or close it at once.
    package init(_ tags: ThinkingTags, prefix: String) {
        start = Array(tags.start.utf8)
        ends = tags.ends.map { Array($0.utf8) }
        isThinking = tags.start.isEmpty
        push(Array(prefix.utf8))
    }

    package mutating func push(_ bytes: [UInt8]) {
        for byte in bytes {
            tail.append(byte)
            let tags = isThinking ? ends : start.isEmpty ? [] : [start]
            if tags.contains(where: { tail.suffix($0.count).elementsEqual($0) }) {
                isThinking.toggle()
                tail.removeAll()
            }
            if tail.count > 256 { tail.removeFirst(128) }
        }
    }

    /// Whether the bytes end within a character.
    var endsWithinCharacter: Bool { UTF8Buffer.incompleteTail(of: tail) > 0 }
}
