/// A 64-bit FNV-1a hash of texts. It is the same in each process, and not cryptographic.
enum StableHash {
    static func of(_ texts: String..., after start: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        texts.joined(separator: "\u{1f}").utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// Returns the hash in hexadecimal, with leading zeros.
    static func digits(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
