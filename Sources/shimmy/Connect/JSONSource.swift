import ShimmyJSON

/// A JSON text that may have comments and commas before closing brackets.
struct JSONSource {
    let bytes: [UInt8]
    /// The text as strict JSON: those comments and commas are spaces, and everything else is at the same offset.
    private(set) var plain: [UInt8]
    /// Whether each byte belongs to a comment.
    private(set) var isComment: [Bool]
    /// The offsets of commas before closing brackets.
    private(set) var trailingCommas: [Int] = []

    init(_ text: String) {
        bytes = Array(text.utf8)
        plain = bytes
        isComment = Array(repeating: false, count: bytes.count)
        var index = 0
        // The last comma, if only white space and comments follow it so far.
        var comma: Int?
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index = endOfString(at: index)
                comma = nil
            case UInt8(ascii: "/") where starts("//", at: index):
                index = blank(from: index, to: bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count)
            case UInt8(ascii: "/") where starts("/*", at: index):
                index = blank(from: index, to: endOfComment(at: index + 2))
            case UInt8(ascii: ","):
                comma = index
                index += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if let comma {
                    plain[comma] = UInt8(ascii: " ")
                    trailingCommas.append(comma)
                }
                comma = nil
                index += 1
            default:
                if !Self.isSpace(bytes[index]) { comma = nil }
                index += 1
            }
        }
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    /// Returns the offset of the first byte of a line.
    func startOfLine(at offset: Int) -> Int { bytes[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0 }

    /// Returns the white space before `offset` on its line; nil if there is something else too.
    func indentation(at offset: Int) -> String? {
        let before = bytes[startOfLine(at: offset)..<offset]
        return before.allSatisfy(Self.isSpace) ? String(decoding: before, as: UTF8.self) : nil
    }

    /// Returns the white space at the beginning of a line.
    func indentation(ofLineAt offset: Int) -> String {
        String(decoding: bytes[startOfLine(at: offset)..<offset].prefix(while: Self.isSpace), as: UTF8.self)
    }

    private func starts(_ text: String, at index: Int) -> Bool { bytes[index...].starts(with: text.utf8) }

    private func endOfString(at start: Int) -> Int {
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
        return min(index + 1, bytes.count)
    }

    private func endOfComment(at start: Int) -> Int {
        var index = start
        while index + 1 < bytes.count {
            if starts("*/", at: index) { return index + 2 }
            index += 1
        }
        return bytes.count
    }

    private mutating func blank(from start: Int, to end: Int) -> Int {
        for index in start..<max(start, end) {
            isComment[index] = true
            if !Self.isSpace(bytes[index]) { plain[index] = UInt8(ascii: " ") }
        }
        return max(start, end)
    }
}

/// The range of a value in a text, and the values inside.
struct JSONSpan {
    struct Member {
        let key: String
        /// The offset of the key's quotation mark.
        let start: Int
        let value: JSONSpan
    }

    let range: Range<Int>
    var members: [Member] = []
    var elements: [JSONSpan] = []

    /// The offset of the first byte, and of the byte after the last one, of each member or element.
    var children: [Range<Int>] { members.map { $0.start..<$0.value.range.upperBound } + elements.map(\.range) }
}

/// Finds the ranges of all values in a text that is valid JSON and not nested deeper than the parser allows, so that the recursion is bounded.
struct JSONSpanReader {
    private let bytes: [UInt8]
    private var position: Int

    static func read(_ plain: [UInt8]) -> JSONSpan {
        var reader = JSONSpanReader(bytes: plain, position: plain.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
        return reader.value()
    }

    private init(bytes: [UInt8], position: Int) {
        self.bytes = bytes
        self.position = position
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ condition: (UInt8) -> Bool) {
        while let next, condition(next) { position += 1 }
    }

    private mutating func value() -> JSONSpan {
        skip(JSONSource.isSpace)
        let start = position
        switch next {
        case UInt8(ascii: "{"): return object()
        case UInt8(ascii: "["): return array()
        case UInt8(ascii: "\""): string()
        default: skip { !JSONSource.isSpace($0) && !",]}".utf8.contains($0) }
        }
        return JSONSpan(range: start..<position)
    }

    private mutating func object() -> JSONSpan {
        let start = position
        var members: [JSONSpan.Member] = []
        position += 1
        skip(JSONSource.isSpace)
        while next == UInt8(ascii: "\"") {
            let keyStart = position
            string()
            let key = (try? JSON.parse(bytes[keyStart..<position]))?.stringValue ?? ""
            skip { JSONSource.isSpace($0) || $0 == UInt8(ascii: ":") }
            members.append(JSONSpan.Member(key: key, start: keyStart, value: value()))
            skip { JSONSource.isSpace($0) || $0 == UInt8(ascii: ",") }
        }
        position += 1
        return JSONSpan(range: start..<position, members: members)
    }

    private mutating func array() -> JSONSpan {
        let start = position
        var elements: [JSONSpan] = []
        position += 1
        skip(JSONSource.isSpace)
        while let next, next != UInt8(ascii: "]") {
            elements.append(value())
            skip { JSONSource.isSpace($0) || $0 == UInt8(ascii: ",") }
        }
        position += 1
        return JSONSpan(range: start..<position, elements: elements)
    }

    private mutating func string() {
        position += 1
        while let next, next != UInt8(ascii: "\"") { position += next == UInt8(ascii: "\\") ? 2 : 1 }
        position += 1
    }
}
