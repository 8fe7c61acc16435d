/// A 64-bit FNV-1a hash. It is the same in each process and on each machine, and not cryptographic.
package enum FNVHash {
    /// The hash of an empty text.
    package static let empty: UInt64 = 0xcbf2_9ce4_8422_2325
    private static let prime: UInt64 = 0x100_0000_01b3

    /// Returns the hash of a text.
    /// - hash: the hash of the text before this one; the result is that of both.
    package static func of(_ text: String, after hash: UInt64 = FNVHash.empty) -> UInt64 {
        var text = text
        return text.withUTF8 { bytes in bytes.reduce(hash) { ($0 ^ UInt64($1)) &* prime } }
    }

    /// Returns the hash of several texts with a separator between them.
    package static func of(_ texts: [String]) -> UInt64 { of(texts.joined(separator: "\u{1f}")) }
}
