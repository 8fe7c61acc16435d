import Foundation
import ShimmyCore
import ShimmyEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The file format of a stored prefix. All numbers are little-endian:
///
///     "SHIMPFX4" · identity u64 · adapters u64 · count of units u64 · count of state bytes u64 · checksum u64 · units i64 … · state
///
/// A unit is a token or the negative hash of a part of a media segment (`PromptUnit`). The checksum covers the units, then the state. States can be
/// large, so they are written and read without a copy of the whole.
enum PrefixFile {
    private static let magic = Array("SHIMPFX4".utf8)
    private static let headerBytes = 48
    private static let unitBytes = 8
    /// The max number of bytes to read at a time.
    private static let pieceBytes = 1 << 20

    /// Returns the size of a prefix's file, in bytes.
    static func size(of prefix: StoredPrefix) -> Int { headerBytes + prefix.units.count * unitBytes + prefix.state.count }

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
        let units = encode(prefix.units)
        let header = Header(
            key: key, unitCount: prefix.units.count, stateBytes: prefix.state.count, checksum: checksum(units: units, state: prefix.state))
        try file.write(contentsOf: header.encoded + units)
        try file.write(contentsOf: prefix.state)
    }

    // MARK: Reading

    /// Reads a prefix; nil unless the file contains a complete, undamaged prefix of this key.
    static func read(_ file: FileHandle, of key: PrefixKey) -> StoredPrefix? {
        guard let (header, units) = beginning(of: file), header.key == key, let state = bytes(header.stateBytes, of: file),
            checksum(units: units, state: state) == header.checksum
        else { return nil }
        return StoredPrefix(units: decode(units), state: state)
    }

    /// Reads the units of a prefix and its key; nil for an invalid file. Of the state, only the length is checked.
    static func readUnits(_ file: FileHandle) -> (units: [PromptUnit], key: PrefixKey)? {
        guard let (header, units) = beginning(of: file) else { return nil }
        return (decode(units), header.key)
    }

    /// Reads everything before the state; nil when the file's length differs from the one in its header.
    private static func beginning(of file: FileHandle) -> (header: Header, units: Data)? {
        guard let length = try? file.seekToEnd(), (try? file.seek(toOffset: 0)) != nil, let head = try? file.read(upToCount: headerBytes),
            let header = Header(head), Int(length) == headerBytes + header.unitCount * unitBytes + header.stateBytes,
            let units = try? file.read(upToCount: header.unitCount * unitBytes), units.count == header.unitCount * unitBytes
        else { return nil }
        return (header, units)
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
        let unitCount: Int
        let stateBytes: Int
        let checksum: UInt64

        init(key: PrefixKey, unitCount: Int, stateBytes: Int, checksum: UInt64) {
            self.key = key
            self.unitCount = unitCount
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
                key: PrefixKey(identity: numbers[0], adapters: numbers[1]), unitCount: Int(numbers[2]), stateBytes: Int(numbers[3]),
                checksum: numbers[4])
        }

        var encoded: Data {
            var data = Data(magic)
            for number in [key.identity, key.adapters, UInt64(unitCount), UInt64(stateBytes), checksum] { data.append(integer: number) }
            return data
        }
    }

    private static func encode(_ units: [PromptUnit]) -> Data {
        var data = Data(capacity: units.count * unitBytes)
        for unit in units { data.append(integer: unit.rawValue) }
        return data
    }

    private static func decode(_ bytes: Data) -> [PromptUnit] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: unitBytes).map {
                PromptUnit(rawValue: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self)))
            }
        }
    }

    private static func checksum(units: Data, state: [UInt8]) -> UInt64 {
        let ofUnits = units.withUnsafeBytes { Checksum.of($0) }
        return state.withUnsafeBytes { Checksum.of($0, after: ofUnits) }
    }
}

extension PrefixFile {
    // MARK: Names

    private static let suffix = ".prefix"
    /// The suffix of incomplete files.
    private static let asideSuffix = ".part"

    static func name(of units: [PromptUnit], _ key: PrefixKey) -> String {
        let ofUnits = units.withUnsafeBytes { Checksum.of($0) }
        return beginning(ofNamesOf: key.identity) + [ofUnits, key.adapters].map(\.hexadecimal).joined(separator: "-") + suffix
    }

    /// Returns the common beginning of the names of all prefixes of a model.
    static func beginning(ofNamesOf identity: UInt64) -> String { identity.hexadecimal + "-" }

    /// Returns whether a file name is that of a prefix, of any model and build. The directory may also contain files that are not Shimmy's.
    static func isName(_ name: String) -> Bool {
        name.hasSuffix(suffix) && name.count > suffix.count && name.dropLast(suffix.count).allSatisfy { $0.isHexDigit || $0 == "-" }
    }

    /// Returns whether a file name is that of an incomplete file, written by this version or, with Foundation's names, by an earlier one.
    static func isAside(_ name: String) -> Bool {
        (name.hasSuffix(asideSuffix) && name.contains(suffix + ".")) || name.hasPrefix(".dat.nosync")
    }
}

extension Data {
    fileprivate mutating func append(integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.littleEndian) { append(contentsOf: $0) }
    }
}
