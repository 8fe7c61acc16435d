/// Checks the header `tracestate`.
enum TraceState {
    /// The max bytes of all entries together, which W3C asks to pass on at least.
    static let longest = 512
    private static let mostEntries = 32
    private static let longestKey = 256
    private static let longestValue = 256

    /// Returns the entries as one text; nil if they are not valid or too long. An empty text is valid.
    /// - headers: the values of all headers, in order.
    static func text(_ headers: [String]) -> String? {
        var entries: [Substring] = []
        var keys: Set<Substring> = []
        var bytes = 0
        for header in headers {
            bytes += header.utf8.count + 1
            guard bytes <= 2 * longest else { return nil }
            for part in header.split(separator: ",", omittingEmptySubsequences: true) {
                let entry = trimmed(part)
                if entry.isEmpty { continue }
                guard let key = key(of: entry), keys.insert(key).inserted, entries.count < mostEntries else { return nil }
                entries.append(entry)
            }
        }
        let text = entries.joined(separator: ",")
        return text.utf8.count <= longest ? text : nil
    }

    private static func trimmed(_ part: Substring) -> Substring {
        let isBlank: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" }
        let start = part.unicodeScalars.drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return Substring(start[...last])
    }

    /// Returns the key of an entry; nil if the key or the value has other characters than W3C allows.
    private static func key(of entry: Substring) -> Substring? {
        guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let (key, value) = (entry.utf8[..<equals], entry.utf8[entry.utf8.index(after: equals)...])
        guard (1...longestKey).contains(key.count), (1...longestValue).contains(value.count), key.allSatisfy(isKeyByte), isLetterOrDigit(key.first),
            key.count(where: { $0 == UInt8(ascii: "@") }) <= 1, value.allSatisfy(isValueByte)
        else { return nil }
        return Substring(key)
    }

    private static func isLetterOrDigit(_ byte: UInt8?) -> Bool {
        switch byte {
        case .some(UInt8(ascii: "a")...UInt8(ascii: "z")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): true
        default: false
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "@")].contains(byte)
    }

    /// Returns whether a value can contain the byte: visible ASCII and spaces, except `,` and `=`.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        (0x20...0x7e).contains(byte) && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
    }
}
