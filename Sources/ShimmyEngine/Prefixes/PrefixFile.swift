import Foundation
import ShimmyCore

/// A stored prefix as bytes, all numbers little-endian:
///
///     "SHIMPFX2" · identity u64 · adapters u64 · count of tokens u64 · count of state bytes u64 · checksum u64 · tokens i32 … · state
///
/// The checksum is over tokens and state.
enum PrefixFile {
    private static let magic = Array("SHIMPFX2".utf8)
    private static let headerBytes = 48

    static func encode(_ prefix: StoredPrefix, identity: UInt64, adapters: UInt64) -> Data {
        var body = Data(capacity: prefix.tokens.count * 4 + prefix.state.count)
        for token in prefix.tokens { body.append(integer: UInt32(bitPattern: token)) }
        body.append(contentsOf: prefix.state)
        var data = Data(magic)
        data.append(integer: identity)
        data.append(integer: adapters)
        data.append(integer: UInt64(prefix.tokens.count))
        data.append(integer: UInt64(prefix.state.count))
        data.append(integer: body.withUnsafeBytes { Checksum.of($0) })
        return data + body
    }

    /// Nil for anything but a whole, undamaged prefix of this identity and these adapters.
    static func decode(_ data: Data, identity: UInt64, adapters: UInt64) -> StoredPrefix? {
        guard let header = Header(data.prefix(headerBytes), identity: identity), header.adapters == adapters,
            data.count == headerBytes + header.tokenBytes + header.stateBytes
        else { return nil }
        let body = data.dropFirst(headerBytes)
        guard body.withUnsafeBytes({ Checksum.of($0) }) == header.checksum else { return nil }
        return StoredPrefix(tokens: tokens(body.prefix(header.tokenBytes)), state: Array(body.dropFirst(header.tokenBytes)))
    }

    /// Reads the tokens and what they were computed with; what follows is not looked at.
    static func readTokens(_ file: FileHandle, identity: UInt64) -> (tokens: [Token], adapters: UInt64)? {
        defer { try? file.close() }
        guard let head = try? file.read(upToCount: headerBytes), let header = Header(head, identity: identity),
            let bytes = try? file.read(upToCount: header.tokenBytes), bytes.count == header.tokenBytes
        else { return nil }
        return (tokens(bytes), header.adapters)
    }

    private static func tokens(_ bytes: Data) -> [Token] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                Token(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
    }

    private struct Header {
        let adapters: UInt64
        let tokenBytes: Int
        let stateBytes: Int
        let checksum: UInt64

        init?(_ data: Data, identity: UInt64) {
            guard data.count == headerBytes, data.starts(with: magic) else { return nil }
            let numbers = data.withUnsafeBytes { bytes in
                stride(from: 8, to: headerBytes, by: 8).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
            }
            // No context has so many tokens, no memory so many bytes: a damaged header must not make us ask for them.
            guard numbers[0] == identity, (1...(1 << 28)).contains(numbers[2]), numbers[3] < 1 << 44 else { return nil }
            adapters = numbers[1]
            tokenBytes = Int(numbers[2]) * 4
            stateBytes = Int(numbers[3])
            checksum = numbers[4]
        }
    }
}

/// Finds accidental damage; it protects from nobody. FNV-1a over words of eight bytes, the rest byte by byte.
enum Checksum {
    static func of(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { of($0) } }

    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let words = bytes.count / 8
        for word in 0..<words {
            hash = (hash ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))) &* 0x100_0000_01b3
            hash ^= hash >> 29
        }
        for index in words * 8..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return hash
    }
}

extension Data {
    fileprivate mutating func append(integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.littleEndian) { append(contentsOf: $0) }
    }
}
