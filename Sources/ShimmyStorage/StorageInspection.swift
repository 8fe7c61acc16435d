import Foundation
import GRDB

/// Inspects a directory's database from outside, whether or not a server uses it. It blocks the calling thread, and is meant for commands.
package struct StorageInspection {
    private let place: StoragePlace
    private let database: DatabaseQueue

    package struct Report: Sendable, Equatable {
        package var responses = 0
        package var conversations = 0
        package var chats = 0
        package var items = 0
        package var events = 0
        /// Bytes of the stored records.
        package var usedBytes = 0
        /// Bytes of the files on disk.
        package var fileBytes = 0
        /// The time of the earliest last change of a record, in unix seconds; nil if there are no records.
        package var oldest: Int?
        /// Damaged databases that were set aside.
        package var damagedFiles: [String] = []

        /// Creates the report of a storage that never stored a record.
        package init() {}
    }

    /// Opens the database; nil if it does not exist. Throws `StorageError`.
    package init?(directory: String) throws {
        place = StoragePlace(directory: directory)
        guard FileManager.default.fileExists(atPath: place.file) else { return nil }
        do {
            database = try DatabaseQueue(path: place.file, configuration: Schema.configuration())
            try Schema.migrator.migrate(database)
        } catch {
            throw StorageError(error) ?? error
        }
    }

    package var path: String { place.file }

    package func report() throws -> Report {
        try mapped {
            try database.read { database in
                func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
                    try Int.fetchOne(database, sql: sql, arguments: arguments) ?? 0
                }
                func records(_ kind: RecordKind) throws -> Int {
                    try count("SELECT count(*) FROM record WHERE kind = ?", [kind.rawValue])
                }
                var report = Report()
                report.responses = try records(.response)
                report.conversations = try records(.conversation)
                report.chats = try records(.chat)
                report.items = try count("SELECT count(*) FROM item")
                report.events = try count("SELECT count(*) FROM event")
                report.usedBytes = try Pruning.usedBytes(database)
                report.fileBytes = place.bytes
                report.oldest = try Int.fetchOne(database, sql: "SELECT min(touched) FROM record")
                report.damagedFiles = place.setAsideFiles.filter { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
                return report
            }
        }
    }

    /// Returns the problems of the database; empty if there are none.
    package func problems() throws -> [String] {
        try mapped {
            try database.read { database in
                let found = try String.fetchAll(database, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
                let dangling = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").map { row in
                    "a row of the table \(row["table"] as String? ?? "?") belongs to no record"
                }
                return found + dangling
            }
        }
    }

    /// Deletes records that have not been touched since `time` (unix seconds), except those that a younger record continues. Returns the
    /// number of deleted records.
    package func prune(untouchedSince time: Int) throws -> Int {
        try mapped {
            try database.writeWithoutTransaction { database in
                var deleted = 0
                // Each round deletes the ends of chains, so that the next round can delete the records that they continued.
                while case let more = try Pruning.delete(database, untouchedSince: time, most: 256), more > 0 { deleted += more }
                try shrink(database)
                return deleted
            }
        }
    }

    /// Deletes all records and the databases that were set aside. Returns the number of deleted records.
    package func removeAll() throws -> Int {
        try mapped {
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "DELETE FROM record")
                let deleted = database.changesCount
                try shrink(database)
                for name in place.setAsideFiles { try? FileManager.default.removeItem(atPath: "\(place.directory)/\(name)") }
                return deleted
            }
        }
    }

    private func shrink(_ database: Database) throws {
        try Pruning.giveBack(database, pages: Int(Int32.max))
        // If other processes are reading, a later writer truncates the journal.
        _ = try? database.checkpoint(.truncate)
    }

    private func mapped<Value>(_ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch {
            throw StorageError(error) ?? error
        }
    }
}
