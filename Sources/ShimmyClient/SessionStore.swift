import Foundation
import ShimmyCore
package import ShimmyJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why something could not be kept or found, for people.
package struct PrivateFileError: Error, Equatable, CustomStringConvertible {
    package let description: String
}

/// Saved conversations: a file for each in one directory, for the user's eyes only.
package struct SessionStore: Sendable {
    private let directory: String
    private static let longestName = 64
    private static let largestFile = 64 << 20

    package init(directory: String) { self.directory = directory }

    /// Sorted.
    package var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { String($0.dropLast(".json".count)) }.sorted()
    }

    package func save(_ session: JSON, as name: String) throws(PrivateFileError) {
        try PrivateFile.write(Array((session.pretty() + "\n").utf8), to: try path(name))
    }

    package func load(_ name: String) throws(PrivateFileError) -> JSON {
        let path = try path(name)
        guard FileManager.default.fileExists(atPath: path) else {
            let known = names.isEmpty ? "none is saved" : "there are \(names.joined(separator: ", "))"
            throw PrivateFileError(description: "there is no session \(name); \(known)")
        }
        guard let bytes = RegularFile.read(path, limit: Self.largestFile) else {
            throw PrivateFileError(description: "the session \(name) cannot be read, or has more than \(Self.largestFile) bytes")
        }
        guard let json = try? JSON.parse(bytes) else { throw PrivateFileError(description: "the session \(name) is damaged") }
        return json
    }

    /// Names become names of files, and never more than that.
    private func path(_ name: String) throws(PrivateFileError) -> String {
        let isName = name.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) } && name.first != "."
        guard !name.isEmpty, name.utf8.count <= Self.longestName, isName else {
            throw PrivateFileError(description: "'\(name)' is no name: up to \(Self.longestName) letters, digits, '-', '_' and '.' are")
        }
        return "\(directory)/\(name).json"
    }
}

/// Files that only their owner may read.
package enum PrivateFile {
    /// Makes the directory if there is none; the file is there whole or as it was.
    package static func write(_ bytes: [UInt8], to path: String) throws(PrivateFileError) {
        let directory = (path as NSString).deletingLastPathComponent
        let temporary = "\(path).\(UInt32.random(in: 0 ... .max)).partial"
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw PrivateFileError(description: "\(directory) cannot be made")
        }
        guard create(temporary, bytes), rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw PrivateFileError(description: "\(path) cannot be written: \(reason)")
        }
    }

    /// Makes a file that nobody else may read, not even for a moment, in whatever directory. Nothing that is there is opened.
    private static func create(_ path: String, _ bytes: [UInt8]) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: bytes)
            try handle.synchronize()
            try handle.close()
        } catch {
            return false
        }
        return true
    }
}
