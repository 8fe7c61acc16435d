/// Percent-encoding in URLs and headers (RFC 3986, section 2.1).
package enum PercentEncoding {
    /// Returns the decoded text; nil if it is not valid UTF-8, or if an escape is malformed.
    /// - keepsMalformed: malformed escapes stay as they are instead.
    package static func decoded(_ text: Substring, keepsMalformed: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else if let decoded = UInt8(hexadecimal: rest.prefix(2)) {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else if keepsMalformed {
                bytes.append(byte)
            } else {
                return nil
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Returns the text with all bytes encoded except ASCII letters, digits and `others`.
    package static func encoded(_ text: String, except others: String = "") -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isLetterOrDigit(byte) || others.utf8.contains(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
