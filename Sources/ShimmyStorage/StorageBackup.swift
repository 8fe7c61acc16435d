import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Copies the database to a file and back, together with other SQLite files. The functions block the calling thread, and are meant for commands.
/// They throw `StorageError`.
package enum StorageBackup {
    /// Copies the database of a directory to a new file, also while servers use it. Only the user of this process can read the file.
    /// - companions: the paths of other SQLite files that the backup includes if they exist.
    package static func save(_ directory: String, with companions: [String] = [], to path: String) throws {
        let place = StoragePlace(directory: directory)
        let isStored = FileManager.default.fileExists(atPath: place.file)
        guard isStored || companions.contains(where: FileManager.default.fileExists(atPath:)) else {
            throw StorageError.unavailable("there is nothing to back up: \(place.file) does not exist")
        }
        guard !FileManager.default.fileExists(atPath: path) else { throw StorageError.unavailable("\(path) already exists") }
        try replacing(path) { partial in
            let target = try DatabaseQueue(path: partial)
            if isStored {
                try DatabaseQueue(path: place.file, configuration: Schema.configuration()).backup(to: target)
            } else {
                try Schema.migrator.migrate(target)
            }
            try check(target)
            try BackupCompanions.add(companions, to: target, at: partial)
            try finish(target)
        }
    }

    /// Replaces the database of a directory by a backup, which may have an older schema. Throws if a server uses the directory, and leaves
    /// everything as it was if the backup cannot be used.
    /// - companions: the paths of the other SQLite files that are replaced if the backup includes them.
    package static func restore(_ path: String, to directory: String, with companions: [String] = []) throws {
        let place = StoragePlace(directory: directory)
        guard FileManager.default.fileExists(atPath: path) else { throw StorageError.unavailable("\(path) does not exist") }
        try place.create()
        guard let membership = try place.joinAlone() else {
            throw StorageError.unavailable("a server uses \(directory); stop it first")
        }
        defer { withExtendedLifetime(membership) {} }
        do {
            try replace(place, companions, by: path)
        } catch StorageError.damaged {
            throw StorageError.unavailable("\(path) is damaged, or not a database")
        }
    }

    private static func replace(_ place: StoragePlace, _ companions: [String], by path: String) throws {
        try replacing(place.file) { partial in
            // The bytes are copied first, because SQLite writes beside a file that it reads.
            try copy(path, to: partial)
            let target = try DatabaseQueue(path: partial, configuration: Schema.configuration())
            guard try target.read({ try $0.tableExists("record") }) else {
                throw StorageError.unavailable("\(path) is not a backup of Shimmy's storage")
            }
            guard try !target.read(Schema.migrator.hasBeenSuperseded) else {
                throw StorageError.unavailable("\(path) was made by a newer version of Shimmy; update Shimmy first")
            }
            try check(target)
            let restored = try BackupCompanions.take(companions, from: target)
            defer { for file in restored { file.remove() } }
            try Schema.migrator.migrate(target)
            try finish(target)
            for file in restored { try file.commit() }
            // If the replacement fails, the old database must be complete without its journal.
            if let old = try? DatabaseQueue(path: place.file, configuration: Schema.configuration()) { try? finish(old) }
            // The journal of the old database would corrupt the new one.
            for suffix in ["-wal", "-shm"] { unlink(place.file + suffix) }
        }
    }

    /// Makes a private file beside `path` and puts it in that place when `body` has filled it.
    static func replacing(_ path: String, _ body: (String) throws -> Void) throws {
        let partial = "\(path).\(UInt32.random(in: 0 ... .max)).partial"
        let descriptor = open(partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageError.unavailable("\(path) cannot be written: \(String(cString: strerror(errno)))") }
        defer {
            close(descriptor)
            for suffix in ["", "-journal", "-wal", "-shm"] { unlink(partial + suffix) }
        }
        do {
            try body(partial)
        } catch {
            throw StorageError(error) ?? error
        }
        guard fsync(descriptor) == 0, rename(partial, path) == 0 else {
            throw StorageError.unavailable("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    private static func copy(_ source: String, to target: String) throws {
        guard let input = FileHandle(forReadingAtPath: source), let output = FileHandle(forWritingAtPath: target) else {
            throw StorageError.unavailable("\(source) cannot be read")
        }
        defer {
            try? input.close()
            try? output.close()
        }
        do {
            while let part = try input.read(upToCount: 1 << 20), !part.isEmpty { try output.write(contentsOf: part) }
        } catch {
            throw StorageError.unavailable("\(source) cannot be copied: \(error.localizedDescription)")
        }
    }

    static func check(_ database: DatabaseQueue) throws {
        guard try database.read({ try String.fetchOne($0, sql: "PRAGMA quick_check") }) == "ok" else { throw StorageError.damaged }
    }

    /// Makes one file of a database and its journal, and closes it.
    static func finish(_ database: DatabaseQueue) throws {
        _ = try database.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
        try database.close()
    }
}
