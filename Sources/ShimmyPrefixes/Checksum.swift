/// A checksum against accidental damage; it does not protect against tampering. It is a variant of FNV-1a over words of eight bytes, with the
/// remaining bytes taken one by one.
enum Checksum {
    static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { of($0) } }

    /// Returns the checksum of `bytes`.
    /// - hash: the checksum of the bytes before these.
    static func of(_ bytes: UnsafeRawBufferPointer, after hash: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        var hash = hash
        let words = bytes.count / 8
        for word in 0..<words {
            hash = (hash ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))) &* 0x100_0000_01b3
            hash ^= hash >> 29
        }
        for index in words * 8..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return hash
    }
}
