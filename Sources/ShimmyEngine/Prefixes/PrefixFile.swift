import Foundation
import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The file format of a stored prefix. All numbers are little-endian:
///
///     "SHIMPFX3" · identity u64 · adapters u64 · count of tokens u64 · count of state bytes u64 · checksum u64 · tokens i32 … · state
///
/// The checksum covers the tokens, then the state. States can be large, so they are written and read without a copy of the whole.
enum PrefixFile {
    private static let magic = Array("SHIMPFX3".utf8)
    private static let headerBytes = 48
    /// The max number of bytes to read at a time.
    private static let pieceBytes = 1 << 20

    /// Returns the size of a prefix's file, in bytes.
    static func size(of prefix: StoredPrefix) -> Int { headerBytes + prefix.tokens.count * 4 + prefix.state.count }

    // MARK: Writing

    /// Writes a prefix to a temporary file and renames it, so that a reader finds either all of it or nothing. Throws when the file cannot be
    /// written.
    static func write(_ prefix: StoredPrefix, of key: PrefixKey, to path: String) throws {
        let aside = "\(path).\(String(UInt32.random(in: 0 ... .max), radix: 16))\(asideSuffix)"
        do {
            try fill(aside, with: prefix, key)
            guard rename(aside, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            try? FileManager.default.removeItem(atPath: aside)
            throw error
        }
    }

    private static func fill(_ path: String, with prefix: StoredPrefix, _ key: PrefixKey) throws {
        // Prompts are private: only the owner may read the file, whatever the directory's mode and the process's umask.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        defer { try? file.close() }
        let tokens = encode(prefix.tokens)
        let header = Header(
            key: key, tokenCount: prefix.tokens.count, stateBytes: prefix.state.count, checksum: checksum(tokens: tokens, state: prefix.state))
        try file.write(contentsOf: header.encoded + tokens)
        try file.write(contentsOf: prefix.state)
    }

    // MARK: Reading

    /// Reads a prefix; nil unless the file contains a complete, undamaged prefix of this key.
    static func read(_ file: FileHandle, of key: PrefixKey) -> StoredPrefix? {
        guard let (header, tokens) = beginning(of: file), header.key == key, let state = bytes(header.stateBytes, of: file),
            checksum(tokens: tokens, state: state) == header.checksum
        else { return nil }
        return StoredPrefix(tokens: decode(tokens), state: state)
    }

    /// Reads the tokens of a prefix and its key; nil for an invalid file. Of the state, only the length is checked.
    static func readTokens(_ file: FileHandle) -> (tokens: [Token], key: PrefixKey)? {
        guard let (header, tokens) = beginning(of: file) else { return nil }
        return (decode(tokens), header.key)
    }

    /// Reads everything before the state; nil when the file's length differs from the one in its header.
    private static func beginning(of file: FileHandle) -> (header: Header, tokens: Data)? {
        guard let length = try? file.seekToEnd(), (try? file.seek(toOffset: 0)) != nil, let head = try? file.read(upToCount: headerBytes),
            let header = Header(head), Int(length) == headerBytes + header.tokenCount * 4 + header.stateBytes,
            let tokens = try? file.read(upToCount: header.tokenCount * 4), tokens.count == header.tokenCount * 4
        else { return nil }
        return (header, tokens)
    }

    private static func bytes(_ count: Int, of file: FileHandle) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            guard let piece = try? file.read(upToCount: min(pieceBytes, count - bytes.count)), !piece.isEmpty else { return nil }
            bytes.append(contentsOf: piece)
        }
        return bytes
    }

    // MARK: Parts

    private struct Header {
        let key: PrefixKey
        let tokenCount: Int
        let stateBytes: Int
        let checksum: UInt64

        init(key: PrefixKey, tokenCount: Int, stateBytes: Int, checksum: UInt64) {
            self.key = key
            self.tokenCount = tokenCount
            self.stateBytes = stateBytes
            self.checksum = checksum
        }

        init?(_ data: Data) {
            guard data.count == headerBytes, data.starts(with: magic) else { return nil }
            let numbers = data.withUnsafeBytes { bytes in
                stride(from: 8, to: headerBytes, by: 8).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
            }
            // Reject sizes beyond any context and memory, so that a damaged header does not cause a huge allocation.
            guard (1...(1 << 28)).contains(numbers[2]), numbers[3] < 1 << 44 else { return nil }
            self.init(
                key: PrefixKey(identity: numbers[0], adapters: numbers[1]), tokenCount: Int(numbers[2]), stateBytes: Int(numbers[3]),
                checksum: numbers[4])
        }

        var encoded: Data {
            var data = Data(magic)
            for number in [key.identity, key.adapters, UInt64(tokenCount), UInt64(stateBytes), checksum] { data.append(integer: number) }
            return data
        }
    }

    private static func encode(_ tokens: [Token]) -> Data {
        var data = Data(capacity: tokens.count * 4)
        for token in tokens { data.append(integer: UInt32(bitPattern: token)) }
        return data
    }

    private static func decode(_ bytes: Data) -> [Token] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                Token(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
            }
        }
    }

    private static func checksum(tokens: Data, state: [UInt8]) -> UInt64 {
        let ofTokens = tokens.withUnsafeBytes { Checksum.of($0) }
        return state.withUnsafeBytes { Checksum.of($0, after: ofTokens) }
    }
}

extension PrefixFile {
    // MARK: Names

    private static let suffix = ".prefix"
    /// The suffix of incomplete files.
    private static let asideSuffix = ".part"

    static func name(of tokens: [Token], _ key: PrefixKey) -> String {
        let ofTokens = tokens.withUnsafeBytes { Checksum.of($0) }
        return beginning(ofNamesOf: key.identity) + [ofTokens, key.adapters].map(hex).joined(separator: "-") + suffix
    }

    /// Returns the common beginning of the names of all prefixes of a model.
    static func beginning(ofNamesOf identity: UInt64) -> String { hex(identity) + "-" }

    /// Returns whether a file name is that of a prefix, of any model and build. The directory may also contain files that are not Shimmy's.
    static func isName(_ name: String) -> Bool {
        name.hasSuffix(suffix) && name.count > suffix.count && name.dropLast(suffix.count).allSatisfy { $0.isHexDigit || $0 == "-" }
    }

    /// Returns whether a file name is that of an incomplete file, written by this version or, with Foundation's names, by an earlier one.
    static func isAside(_ name: String) -> Bool {
        (name.hasSuffix(asideSuffix) && name.contains(suffix + ".")) || name.hasPrefix(".dat.nosync")
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

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

extension Data {
    fileprivate mutating func append(integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.littleEndian) { append(contentsOf: $0) }
    }
}
