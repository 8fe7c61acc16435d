/// Checks a text that arrives in pieces for valid UTF-8 (RFC 3629).
struct UTF8Check {
    /// The number of continuation bytes that the current character still needs.
    private var missing = 0
    /// The range of the next continuation byte. The first one after some lead bytes has a smaller range.
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether the text so far ends with a complete character.
    var isComplete: Bool { missing == 0 }

    /// Returns false if the text so far cannot be the beginning of valid UTF-8.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes {
            if missing == 0 {
                if byte < 0x80 { continue }
                guard begin(byte) else { return false }
            } else {
                guard range.contains(byte) else { return false }
                missing -= 1
                range = 0x80...0xBF
            }
        }
        return true
    }

    /// Takes the first byte of a character that has several. The ranges exclude overlong forms, surrogates and values above U+10FFFF.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: (missing, range) = (1, 0x80...0xBF)
        case 0xE0: (missing, range) = (2, 0xA0...0xBF)
        case 0xED: (missing, range) = (2, 0x80...0x9F)
        case 0xE1...0xEF: (missing, range) = (2, 0x80...0xBF)
        case 0xF0: (missing, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: (missing, range) = (3, 0x80...0xBF)
        case 0xF4: (missing, range) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
