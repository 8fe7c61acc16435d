import Foundation
import ShimmyCore

/// Writes configurations into clients' files.
enum ConnectWriter {
    enum Outcome {
        /// The file already had the configuration.
        case unchanged
        case created
        /// - replaced: the paths of the values that changed.
        case merged(backup: String, replaced: [String])
    }

    private static let largestFile = 4 << 20
    private static let mostBackups = 1000

    /// Adds a configuration to the client's file. The old file is kept beside it.
    /// - isPrivate: whether only the owner may read the file from now on; otherwise the permissions of an existing file stay the same.
    static func write(_ file: ConnectFile, isPrivate: Bool) throws(ConnectRefusal) -> Outcome {
        let place = try place(of: file.path)
        let folder = (place as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ConnectRefusal("the directory \(folder) cannot be created")
        }
        guard let permissions = AtomicFile.permissions(of: place) else {
            try replace(place, with: file.text, permissions: isPrivate ? 0o600 : 0o644)
            return .created
        }
        let old = try read(place)
        let merge = try file.merged(into: old)
        let wanted = isPrivate ? permissions & 0o700 : permissions
        if merge.text == old {
            // Writes the same text, because only the permissions have to change.
            if wanted != permissions { try replace(place, with: old, permissions: wanted) }
            return .unchanged
        }
        let backup = try keep(old, of: place, permissions: wanted)
        try replace(place, with: merge.text, permissions: wanted)
        return .merged(backup: backup, replaced: merge.replaced)
    }

    /// Returns whether the client's file has the configuration.
    static func contains(_ file: ConnectFile) -> Bool {
        guard let old = RegularFile.text(file.path, limit: largestFile), let merge = try? file.merged(into: old) else { return false }
        return merge.text == old
    }

    /// Returns the path of the file itself if a link leads to it, so that the link stays.
    private static func place(of path: String) throws(ConnectRefusal) -> String {
        if let real = AtomicFile.realPath(of: path) { return real }
        if AtomicFile.isTaken(path) { throw ConnectRefusal("it is a link to a file that does not exist") }
        return path
    }

    private static func read(_ path: String) throws(ConnectRefusal) -> String {
        guard let text = RegularFile.text(path, limit: largestFile) else {
            throw ConnectRefusal("it cannot be read as a UTF-8 text of at most \(largestFile) bytes")
        }
        return text
    }

    private static func replace(_ path: String, with text: String, permissions: UInt32) throws(ConnectRefusal) {
        do {
            try AtomicFile.replace(path, with: Array(text.utf8), permissions: permissions)
        } catch {
            throw ConnectRefusal("it cannot be written: \(error)")
        }
    }

    /// Writes the backup of a file and returns its path. Earlier backups stay.
    private static func keep(_ text: String, of path: String, permissions: UInt32) throws(ConnectRefusal) -> String {
        for number in 0..<mostBackups {
            let backup = number == 0 ? "\(path).bak" : "\(path).bak.\(number)"
            if AtomicFile.isTaken(backup) { continue }
            do {
                try AtomicFile.create(backup, Array(text.utf8), permissions: permissions)
                return backup
            } catch {
                throw ConnectRefusal("its backup \(backup) cannot be written: \(error)")
            }
        }
        throw ConnectRefusal("it has \(mostBackups) backups (\(path).bak and others); remove some")
    }
}
