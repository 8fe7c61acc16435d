import Foundation
import GRDB

/// Database files with a schema that a test froze as SQL text, and the schemas of files, for comparison.
package enum FrozenDatabase {
    /// Makes a database file, and the folder that contains it.
    /// - sql: the statements that make the tables and fill them.
    /// - migrations: the migrations that the file counts as applied.
    package static func make(_ path: String, sql: String, migrations: [String]) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = try DatabaseQueue(path: path)
        try database.inDatabase { database in
            try database.execute(sql: sql)
            try database.execute(sql: "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
            for migration in migrations { try database.execute(sql: "INSERT INTO grdb_migrations VALUES (?)", arguments: [migration]) }
        }
        try database.close()
    }

    /// Returns the statements that define the tables and indices of a file, with single spaces between the words.
    package static func schema(_ path: String) throws -> [String] {
        let statements = try strings(
            path,
            sql: """
                SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'grdb_migrations' AND name NOT LIKE 'sqlite%'
                ORDER BY type, name
                """)
        return statements.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    }

    /// Returns the migrations that a file counts as applied, in order.
    package static func migrations(_ path: String) throws -> [String] {
        try strings(path, sql: "SELECT identifier FROM grdb_migrations ORDER BY rowid")
    }

    private static func strings(_ path: String, sql: String) throws -> [String] {
        let database = try DatabaseQueue(path: path)
        defer { try? database.close() }
        return try database.read { try String.fetchAll($0, sql: sql) }
    }
}
