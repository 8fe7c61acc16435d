import ShimmyChat

/// Separates the reasoning at the start of a content from the answer, for upstreams that leave the tags in the content.
package struct ReasoningSplitter: Sendable {
    package enum Part: Sendable, Equatable {
        case content(String)
        case reasoning(String)
    }

    private enum State { case beginning, reasoning, between, content }

    private static let tags = ThinkingTags(start: "<think>", ends: ["</think>"])
    private static let start = Array(tags.start.utf8)
    private static let end = Array(tags.ends[0].utf8)
    /// The max number of bytes of white space before a tag.
    private static let longestMargin = 64

    private var state = State.beginning
    private var held: [UInt8] = []
    private var hasReasoning = false

    package init() {}

    package mutating func push(_ text: String) -> [Part] {
        if state == .content { return text.isEmpty ? [] : [.content(text)] }
        held += text.utf8
        var parts: [Part] = []
        while step(&parts) {}
        return parts
    }

    /// Returns the text that was held back.
    package mutating func finish() -> [Part] {
        defer { held = [] }
        let text = String(decoding: held, as: UTF8.self)
        if text.isEmpty || state == .between { return [] }
        return [state == .reasoning ? .reasoning(text) : .content(text)]
    }

    /// Reads held bytes. Returns whether the state has changed and there are more.
    private mutating func step(_ parts: inout [Part]) -> Bool {
        switch state {
        case .beginning:
            let text = held.drop { $0.isSpace }
            if text.starts(with: Self.start) {
                held = Array(text.dropFirst(Self.start.count))
                state = .reasoning
                return true
            }
            if held.count - text.count <= Self.longestMargin, Self.start.starts(with: text) { return false }
            state = .content
            return true
        case .reasoning:
            if !hasReasoning { held = Array(held.drop { $0.isSpace }) }
            if let index = held.firstRange(of: Self.end) {
                add(held[..<index.lowerBound], &parts)
                held = Array(held[index.upperBound...])
                state = .between
                return true
            }
            let kept = held.lengthOfTail(starting: Self.end)
            add(held.dropLast(kept), &parts)
            held = Array(held.suffix(kept))
            return false
        case .between:
            held = Array(held.drop { $0.isSpace })
            if held.isEmpty { return false }
            state = .content
            return true
        case .content:
            if !held.isEmpty { parts.append(.content(String(decoding: held, as: UTF8.self))) }
            held = []
            return false
        }
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>, _ parts: inout [Part]) {
        if bytes.isEmpty { return }
        hasReasoning = true
        parts.append(.reasoning(String(decoding: bytes, as: UTF8.self)))
    }
}

extension UInt8 {
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension Array<UInt8> {
    /// Returns the length of the longest proper prefix of `text` that the array ends with.
    fileprivate func lengthOfTail(starting text: [UInt8]) -> Int {
        for length in stride(from: Swift.min(count, text.count - 1), to: 0, by: -1) where suffix(length).elementsEqual(text.prefix(length)) {
            return length
        }
        return 0
    }
}
