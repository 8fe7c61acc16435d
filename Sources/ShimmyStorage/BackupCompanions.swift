import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Copies of other SQLite files in a backup, in parts that fit into memory.
enum BackupCompanions {
    private static let table = "companion"
    private static let partBytes = 1 << 20

    /// Adds the files that exist to a backup.
    /// - partial: the path of the backup; copies are made beside it.
    static func add(_ paths: [String], to backup: DatabaseQueue, at partial: String) throws {
        let existing = paths.filter { FileManager.default.fileExists(atPath: $0) }
        if existing.isEmpty { return }
        try backup.write { database in
            try database.execute(
                sql: "CREATE TABLE \(table) (name TEXT NOT NULL, part INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (name, part))")
        }
        for path in existing {
            let copy = "\(partial).\(name(of: path))"
            defer { unlink(copy) }
            do {
                try StorageBackup.replacing(copy) { place in
                    let target = try DatabaseQueue(path: place)
                    try DatabaseQueue(path: path, configuration: patient).backup(to: target)
                    try StorageBackup.check(target)
                    try StorageBackup.finish(target)
                }
            } catch StorageError.damaged {
                throw StorageError.unavailable("\(path) cannot be backed up: it is damaged, or not a database")
            }
            try insert(copy, as: name(of: path), into: backup)
        }
    }

    private static func insert(_ copy: String, as name: String, into backup: DatabaseQueue) throws {
        guard let file = FileHandle(forReadingAtPath: copy) else { throw StorageError.unavailable("\(copy) cannot be read") }
        defer { try? file.close() }
        var part = 0
        while let content = try file.read(upToCount: partBytes), !content.isEmpty {
            let number = part
            try backup.write { database in
                try database.execute(sql: "INSERT INTO \(table) (name, part, content) VALUES (?, ?, ?)", arguments: [name, number, content])
            }
            part += 1
        }
    }

    /// The configuration for files that servers use.
    private static var patient: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        return configuration
    }

    /// Removes the copies from a backup. Returns those that belong to one of the paths, as files beside these paths.
    static func take(_ paths: [String], from backup: DatabaseQueue) throws -> [Restored] {
        guard try backup.read({ try $0.tableExists(table) }) else { return [] }
        var restored: [Restored] = []
        do {
            for path in paths {
                let parts = try backup.read { database in
                    try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table) WHERE name = ?", arguments: [name(of: path)])
                }
                if parts ?? 0 == 0 { continue }
                let copy = "\(path).\(UInt32.random(in: 0 ... .max)).restored"
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                try StorageBackup.replacing(copy) { place in
                    try write(name(of: path), of: backup, to: place)
                    let target = try DatabaseQueue(path: place)
                    try StorageBackup.check(target)
                    try StorageBackup.finish(target)
                }
                restored.append(Restored(path: path, copy: copy))
            }
            try backup.write { try $0.execute(sql: "DROP TABLE \(table)") }
        } catch {
            for file in restored { file.remove() }
            throw error
        }
        return restored
    }

    private static func write(_ name: String, of backup: DatabaseQueue, to place: String) throws {
        guard let file = FileHandle(forWritingAtPath: place) else { throw StorageError.unavailable("\(place) cannot be written") }
        defer { try? file.close() }
        try backup.read { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT content FROM \(table) WHERE name = ? ORDER BY part", arguments: [name])
            while let row = try rows.next() {
                let stored: DatabaseValue = row[0]
                guard let content = Data.fromDatabaseValue(stored) else { throw StorageError.damaged }
                try file.write(contentsOf: content)
            }
        }
    }

    private static func name(of path: String) -> String { (path as NSString).lastPathComponent }

    /// A copy of a file from a backup, complete and checked, that has not replaced the file.
    struct Restored {
        let path: String
        let copy: String

        /// Puts the copy in the place of the file.
        func commit() throws {
            // If the replacement fails, the old database must be complete without its journal.
            if let old = try? DatabaseQueue(path: path, configuration: patient) { try? StorageBackup.finish(old) }
            // The journal of the old database would corrupt the new one.
            for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
            guard rename(copy, path) == 0 else {
                throw StorageError.unavailable("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
        }

        func remove() { unlink(copy) }
    }
}
