/// Turns a stream of bytes into text without ever splitting a character: an incomplete one waits for its other bytes,
/// bytes that can never become text turn into U+FFFD.
package struct UTF8Buffer: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// The text that is certain after these bytes.
    package mutating func push(_ bytes: some Sequence<UInt8>) -> String {
        pending += bytes
        let complete = pending.count - Self.incompleteTail(of: pending)
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// The rest; an incomplete character becomes U+FFFD.
    package mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end begin a character that more bytes could complete (0 to 3).
    /// The ranges of second bytes follow table 3-7 of the Unicode standard.
    static func incompleteTail(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0b1100_0000 == 0b1000_0000 { continue }  // a continuation: look further back
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
