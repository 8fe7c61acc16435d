import Foundation
import GRDB
import ShimmyJSON

/// The table of keys, and its rows.
enum KeySchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE key (
                        id TEXT PRIMARY KEY NOT NULL,
                        name TEXT NOT NULL,
                        hash BLOB NOT NULL UNIQUE,
                        hint TEXT,
                        role TEXT NOT NULL,
                        models TEXT NOT NULL,
                        requests_per_minute INTEGER,
                        tokens_per_minute INTEGER,
                        tokens_per_day INTEGER,
                        concurrency INTEGER,
                        max_output_tokens INTEGER,
                        weight REAL NOT NULL,
                        created INTEGER NOT NULL,
                        expires INTEGER,
                        revoked INTEGER
                    );
                    CREATE UNIQUE INDEX key_by_name ON key (name) WHERE revoked IS NULL;
                    """)
        }
        return migrator
    }

    static func insert(_ key: AccessKey, _ hash: KeyHash, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO key (
                    id, name, hash, hint, role, models, requests_per_minute, tokens_per_minute, tokens_per_day, concurrency, max_output_tokens,
                    weight, created, expires
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                key.id, key.name, Data(hash.bytes), key.hint, key.role.rawValue, JSON.array(key.models.map(JSON.string)).text,
                key.limits.requestsPerMinute, key.limits.tokensPerMinute, key.limits.tokensPerDay, key.limits.concurrency,
                key.limits.maxOutputTokens, key.weight, seconds(key.created), key.expires.map(seconds),
            ])
    }

    /// Replaces the properties of a key.
    static func update(_ id: String, _ draft: KeyDraft, _ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE key SET
                    name = ?, role = ?, models = ?, requests_per_minute = ?, tokens_per_minute = ?, tokens_per_day = ?, concurrency = ?,
                    max_output_tokens = ?, weight = ?, expires = ?
                WHERE id = ?
                """,
            arguments: [
                draft.name, draft.role.rawValue, JSON.array(draft.models.map(JSON.string)).text, draft.limits.requestsPerMinute,
                draft.limits.tokensPerMinute, draft.limits.tokensPerDay, draft.limits.concurrency, draft.limits.maxOutputTokens, draft.weight,
                draft.expires.map(seconds), id,
            ])
    }

    /// The columns that restrict a key if they are not null.
    private static let optional = [
        "expires", "revoked", "requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrency", "max_output_tokens",
    ]

    private static func isNullOrInteger(_ row: Row, _ column: String) -> Bool {
        let stored: DatabaseValue = row[column]
        return stored.isNull || Int64.fromDatabaseValue(stored) != nil
    }

    /// Returns the key of a row; nil if another version of the program wrote a value that this one does not know. Such a key opens nothing.
    static func key(_ row: Row) -> (hash: KeyHash, key: AccessKey)? {
        guard let id: String = value(row, "id"), let name: String = value(row, "name"), let bytes: Data = value(row, "hash"),
            let hash = KeyHash(bytes: Array(bytes)), let role: String = value(row, "role"), let knownRole = AccessKey.Role(rawValue: role),
            let models: String = value(row, "models"), let patterns = names(models), let weight: Double = value(row, "weight"), weight > 0,
            weight.isFinite, let created: Int64 = value(row, "created"), optional.allSatisfy({ isNullOrInteger(row, $0) })
        else { return nil }
        let (expires, revoked): (Int64?, Int64?) = (value(row, "expires"), value(row, "revoked"))
        var key = AccessKey(
            id: id, name: name, role: knownRole, models: patterns, limits: limits(row), weight: weight, created: date(created),
            expires: expires.map(date), revoked: revoked.map(date))
        key.hint = value(row, "hint")
        return (hash, key)
    }

    private static func names(_ json: String) -> [String]? {
        guard let elements = (try? JSON.parse(json))?.arrayValue else { return nil }
        let names = elements.compactMap(\.stringValue)
        return names.count == elements.count ? names : nil
    }

    private static func limits(_ row: Row) -> AccessKey.Limits {
        AccessKey.Limits(
            requestsPerMinute: value(row, "requests_per_minute"), tokensPerMinute: value(row, "tokens_per_minute"),
            tokensPerDay: value(row, "tokens_per_day"), concurrency: value(row, "concurrency"), maxOutputTokens: value(row, "max_output_tokens"))
    }

    /// Returns the value of a column; nil if it is null or has another type, which GRDB's subscripts do not survive.
    private static func value<Value: DatabaseValueConvertible>(_ row: Row, _ column: String) -> Value? {
        let stored: DatabaseValue = row[column]
        return Value.fromDatabaseValue(stored)
    }

    /// Returns the whole seconds of a time since 1970, within the range of SQLite's integers.
    static func seconds(_ date: Date) -> Int64 { Int64(min(max(date.timeIntervalSince1970, 0), 1e15)) }

    private static func date(_ seconds: Int64) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
}
