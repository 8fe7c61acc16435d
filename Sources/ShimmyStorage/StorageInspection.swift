import Foundation
import GRDB

/// Looks at a directory's database from outside, whether a server uses it or not. Blocks: for commands.
package struct StorageInspection {
    private let place: StoragePlace
    private let database: DatabaseQueue

    package struct Report: Sendable, Equatable {
        package var responses = 0
        package var conversations = 0
        package var chats = 0
        package var items = 0
        package var events = 0
        /// Of what is kept.
        package var usedBytes = 0
        /// On the disk.
        package var fileBytes = 0
        /// When the record that was not touched for longest was; unix seconds.
        package var oldest: Int?
        /// Databases that were set aside because they were damaged.
        package var damagedFiles: [String] = []

        /// Of a storage where nothing was ever kept.
        package init() {}
    }

    /// Nil where nothing was ever kept. Throws `StorageError`.
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

    /// What is wrong with the database; empty if nothing is.
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

    /// Deletes what has not been touched since then, but for what something younger continues. Returns how much that was.
    package func prune(untouchedSince time: Int) throws -> Int {
        try mapped {
            try database.writeWithoutTransaction { database in
                var deleted = 0
                // A chain goes from its end: what its last one continued is free to go in the next round.
                while case let more = try Pruning.delete(database, untouchedSince: time, most: 256), more > 0 { deleted += more }
                try shrink(database)
                return deleted
            }
        }
    }

    /// Deletes everything, also the databases that were set aside. Returns how many records that were.
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
        // Others may be reading; then the journal is emptied by whoever writes next.
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
