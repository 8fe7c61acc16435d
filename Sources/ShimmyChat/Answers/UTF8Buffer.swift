/// Converts a stream of bytes to text without splitting a character. An incomplete character waits for its other bytes; invalid bytes become U+FFFD.
package struct UTF8Buffer: Sendable {
    /// The bytes of an incomplete character, at most three.
    package private(set) var pending: [UInt8] = []

    package init() {}

    /// Returns the text that is certain after these bytes.
    package mutating func push(_ bytes: some Sequence<UInt8>) -> String {
        pending += bytes
        let complete = pending.count - Self.incompleteTail(of: pending)
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// Returns the remaining text; an incomplete character becomes U+FFFD.
    package mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// Returns the number of bytes at the end (0 to 3) that start a character which more bytes can complete. The ranges of second bytes follow table
    /// 3-7 of the Unicode standard.
    static func incompleteTail(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0b1100_0000 == 0b1000_0000 { continue }  // a continuation byte: look further back
            let needed =
                switch lead {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 1
                }
            guard length < needed else { return 0 }
            return length == 1 || isSecond(bytes[bytes.count - length + 1], after: lead) ? length : 0
        }
        return 0
    }

    private static func isSecond(_ byte: UInt8, after lead: UInt8) -> Bool {
        switch lead {
        case 0xE0: (0xA0...0xBF).contains(byte)
        case 0xED: (0x80...0x9F).contains(byte)
        case 0xF0: (0x90...0xBF).contains(byte)
        case 0xF4: (0x80...0x8F).contains(byte)
        default: (0x80...0xBF).contains(byte)
        }
    }
}
