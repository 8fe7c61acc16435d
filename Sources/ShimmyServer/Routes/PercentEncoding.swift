/// Percent-encoding in the paths and queries of URLs (RFC 3986, section 2.1). The framework's decoder is not public.
enum PercentEncoding {
    /// Decodes percent-encoded text; nil if the result is not valid UTF-8 or an escape is malformed.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(decoded)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
