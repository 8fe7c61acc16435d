/// A text for the user's clipboard, as an escape sequence to the terminal (OSC 52). It also works over SSH.
package struct ClipboardText: Sendable {
    /// The max number of bytes. Terminals ignore longer ones; xterm's limit is the smallest.
    package static let longestBytes = 74_994

    /// The escape sequence.
    package let bytes: String

    /// Fails for a text that is too long.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longestBytes else { return nil }
        bytes = "\u{1b}]52;c;\(Self.base64(Array(text.utf8)))\u{7}"
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
