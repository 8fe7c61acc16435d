// The parser's methods for strings and numbers.

extension JSONParser {
    /// Parses a string, from the opening quotation mark past the closing one.
    mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        skipPlainBytes()
        var unescaped: [UInt8] = []
        if next != UInt8(ascii: "\"") {
            unescaped += bytes[start..<position]
            repeat {
                try escape(into: &unescaped)
                let plain = position
                skipPlainBytes()
                unescaped += bytes[plain..<position]
            } while next != UInt8(ascii: "\"")
        }
        let written = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        // An escape produces at least one byte, so an empty buffer means that the text has no escapes.
        let text = unescaped.isEmpty ? String(validating: written, as: UTF8.self) : String(validating: unescaped, as: UTF8.self)
        if let text { return text }
        let repaired = limits.replacesLoneSurrogates ? Self.replacingSurrogates(in: unescaped.isEmpty ? Array(written) : unescaped) : nil
        guard let repaired else { throw error("invalid UTF-8 in a string", at: start + Self.validPrefix(of: written)) }
        return repaired
    }

    /// Returns the text with U+FFFD in place of surrogates, which Python's `surrogatepass` encodes as three bytes; nil if it has other faults.
    private static func replacingSurrogates(in bytes: [UInt8]) -> String? {
        var (result, rest): ([UInt8], ArraySlice<UInt8>) = ([], bytes[...])
        result.reserveCapacity(bytes.count)
        while let byte = rest.popFirst() {
            if byte == 0xED, rest.count > 1, 0xA0...0xBF ~= rest[rest.startIndex], 0x80...0xBF ~= rest[rest.startIndex + 1] {
                result += "\u{FFFD}".utf8
                rest.removeFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    /// Advances to the next byte that ends the string, starts an escape or is not allowed.
    private mutating func skipPlainBytes() {
        var end = position
        while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\"), bytes[end] >= 0x20 { end += 1 }
        position = end
    }

    private mutating func escape(into unescaped: inout [UInt8]) throws(JSONError) {
        let start = position
        guard take(UInt8(ascii: "\\")) else {
            if next == nil { throw expected("'\"' at the end of a string") }
            throw error("control characters in a string must be escaped")
        }
        guard let kind = next else { throw expected("an escape sequence after '\\'") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(kind)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0C)
        case UInt8(ascii: "n"): unescaped.append(0x0A)
        case UInt8(ascii: "r"): unescaped.append(0x0D)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"): unescaped += try unicodeScalar(from: start).utf8
        default: throw error("unknown escape sequence in a string", at: start)
        }
    }

    /// Returns the scalar of a `\u` escape, or of two that form a surrogate pair. `start` is the offset of its backslash.
    private mutating func unicodeScalar(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let end = position
        // The value is not a scalar, so it is half of a pair. It must be the high half, and the low half must follow.
        if first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let second = try hexadecimal()
            if 0xDC00..<0xE000 ~= second, let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) { return scalar }
        }
        guard limits.replacesLoneSurrogates else { throw error("lone surrogate in a string", at: start) }
        position = end
        return "\u{FFFD}"
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Self.hexadecimalDigit(byte) else { throw expected("four hexadecimal digits after '\\u'") }
            value = (value << 4) | UInt32(digit)
            position += 1
        }
        return value
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Returns the number of well-formed bytes in invalid text before the first malformed one.
    private static func validPrefix(of text: UnsafeBufferPointer<UInt8>) -> Int {
        var decoder = UTF8.ForwardParser()
        var rest = text.makeIterator()
        var length = 0
        while case .valid(let scalar) = decoder.parseScalar(from: &rest) { length += scalar.count }
        return length
    }
}

// MARK: - Numbers

extension JSONParser {
    mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            guard !isAtDigit else { throw error("a number must not have leading zeros", at: start) }
        } else {
            try digits("a digit after '-'")
        }
        if take(UInt8(ascii: ".")) { try digits("a digit after the decimal point") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "-")) || take(UInt8(ascii: "+"))
            try digits("a digit in the exponent")
        }
        guard position - start <= limits.digits else {
            throw error("a number with more than \(limits.digits) characters", at: start, limit: .digits)
        }
        return JSONNumber(literal: String(decoding: bytes[start..<position], as: UTF8.self))
    }

    /// Advances past the digits. Throws if there are none.
    private mutating func digits(_ what: String) throws(JSONError) {
        guard isAtDigit else { throw expected(what) }
        while isAtDigit { position += 1 }
    }

    private var isAtDigit: Bool {
        guard let next else { return false }
        return UInt8(ascii: "0")...UInt8(ascii: "9") ~= next
    }
}
