import Foundation
import GRDB
import ShimmyCore

/// An SQLite file of the data directory that several processes may use.
///
/// The file is opened for each access and closed after it, so that a file that another program replaced is noticed.
struct AccountFile: Sendable {
    let directory: String
    let name: String
    /// The label of the connections.
    let label: String
    /// Max seconds to wait for another process that has locked the file.
    let patience: Double

    var path: String { "\(directory)/\(name)" }

    /// Makes the directory and the file, both for their user alone, if they do not exist.
    func create() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        PrivateFile.create(path)
        PrivateFile.restrict([path, path + "-wal", path + "-shm"])
    }

    /// Opens the file, makes its tables if they are missing, and returns the result of `work`.
    func open<Value>(_ migrator: DatabaseMigrator, _ work: (DatabaseQueue) throws -> Value) throws -> Value {
        let database = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? database.close() }
        if try !database.read({ try migrator.hasCompletedMigrations($0) }) {
            _ = try database.inDatabase { try String.fetchOne($0, sql: "PRAGMA journal_mode = WAL") }
            do {
                try migrator.migrate(database)
            } catch {
                // Another process may have created the table between this one's look and its attempt.
                try migrator.migrate(database)
            }
        }
        return try work(database)
    }

    /// The configuration does not set the journal mode, for which GRDB would write to the file whenever it opens it; the mode is a property of the
    /// file.
    private var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(patience)
        return configuration
    }
}
