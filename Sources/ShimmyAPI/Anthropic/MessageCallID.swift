import ShimmyCore

/// The IDs of calls in Anthropic's API, which begin with `toolu_` and contain only letters, digits, `_` and `-`.
///
/// Another server, or a model, gives a call an ID of its own. Such an ID is part of the shown one, because some chat templates accept only their own
/// form in later requests.
enum MessageCallID {
    private static let prefix = "toolu_"
    private static let mark = "toolu_own_"

    /// Returns the ID for the client.
    /// - id: the call's own ID; nil or empty for none.
    static func shown(_ id: String?) -> String {
        guard let id, !id.isEmpty else { return prefix + RandomID.make() }
        if id.utf8.starts(with: prefix.utf8), !id.utf8.starts(with: mark.utf8) { return id }
        let escaped = id.utf8.flatMap { byte -> [UInt8] in
            if isPlain(byte) { return [byte] }
            return [underscore] + [byte].hexadecimal.utf8
        }
        return mark + String(decoding: escaped, as: UTF8.self)
    }

    /// Returns the call's own ID. An ID of another form is returned unchanged.
    static func own(_ shown: String) -> String {
        guard shown.utf8.starts(with: mark.utf8) else { return shown }
        var bytes: [UInt8] = []
        var rest = shown.utf8.dropFirst(mark.utf8.count)
        while let byte = rest.popFirst() {
            if byte != underscore {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(hexadecimal: rest.prefix(2)) else { return shown }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self).flatMap { $0.isEmpty ? nil : $0 } ?? shown
    }

    private static let underscore = UInt8(ascii: "_")

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
    }
}
