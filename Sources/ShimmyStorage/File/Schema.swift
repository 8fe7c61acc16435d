import GRDB

/// The database's tables.
///
/// Responses, conversations and chats are rows of one table, because ownership, age, size and the order of pruning work the same for all of
/// them. The ordered elements of a record are items, and the streamed elements are events.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE record (
                        serial INTEGER PRIMARY KEY,
                        kind INTEGER NOT NULL,
                        id TEXT NOT NULL UNIQUE,
                        owner TEXT NOT NULL,
                        created INTEGER NOT NULL,
                        touched INTEGER NOT NULL,
                        bytes INTEGER NOT NULL,
                        status TEXT,
                        model TEXT,
                        background INTEGER NOT NULL DEFAULT 0,
                        previous TEXT,
                        conversation TEXT,
                        metadata TEXT,
                        object TEXT,
                        request TEXT
                    );
                    CREATE INDEX record_by_owner ON record (owner, kind, serial);
                    CREATE INDEX record_by_age ON record (touched, serial);
                    CREATE INDEX record_by_previous ON record (previous) WHERE previous IS NOT NULL;
                    CREATE INDEX record_unfinished ON record (status) WHERE status IN ('queued', 'in_progress');

                    CREATE TABLE item (
                        record INTEGER NOT NULL REFERENCES record (serial) ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        id TEXT NOT NULL,
                        json TEXT NOT NULL
                    );
                    CREATE UNIQUE INDEX item_by_position ON item (record, position);
                    CREATE UNIQUE INDEX item_by_id ON item (id, record);

                    CREATE TABLE event (
                        record INTEGER NOT NULL REFERENCES record (serial) ON DELETE CASCADE,
                        number INTEGER NOT NULL,
                        json TEXT NOT NULL
                    );
                    CREATE UNIQUE INDEX event_by_number ON event (record, number);
                    """)
        }
        return migrator
    }

    /// Returns the configuration of a database connection.
    /// - patience: max seconds to wait for a lock of another process.
    /// - limits: nil for an inspection from outside the server.
    static func configuration(patience: Double = 10, limits: StorageLimits? = nil) -> Configuration {
        var configuration = Configuration()
        configuration.label = "shimmy.storage"
        configuration.busyMode = .timeout(patience)
        configuration.prepareDatabase { database in
            guard !database.configuration.readonly else { return }
            try database.execute(sql: "PRAGMA page_size = 4096")
            // This setting only has effect before the first table exists. It allows freed space to be returned piece by piece.
            try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try database.execute(sql: "PRAGMA journal_size_limit = 33554432")
            // Housekeeping enforces the limit. This hard limit covers bursts of writes and records that must not be deleted.
            if let limits {
                // SQLite counts pages in 32 bits.
                let pages = min(limits.bytes / 4096, Int(Int32.max) / 2)
                try database.execute(sql: "PRAGMA max_page_count = \(64 + pages * 3 / 2)")
            }
        }
        return configuration
    }

    /// Returns the configuration of a connection that reads a database on a full disk. SQLite keeps the index of the journal in memory
    /// instead of a file if no other connection can use the database.
    static func exclusiveConfiguration(patience: Double) -> Configuration {
        var configuration = Configuration()
        configuration.label = "shimmy.storage"
        configuration.busyMode = .timeout(patience)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        return configuration
    }
}
