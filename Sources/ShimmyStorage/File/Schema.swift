import GRDB

/// The database's tables.
///
/// Responses, conversations and chats are rows of one table: whose they are, how old and how large they are, and which one goes first when
/// there is no room are the same questions for all of them. What has an order in a record is an item, what was streamed an event.
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

    /// - patience: seconds to wait for somebody else's lock.
    /// - limits: nil for whoever looks from outside.
    static func configuration(patience: Double = 10, limits: StorageLimits? = nil) -> Configuration {
        var configuration = Configuration()
        configuration.label = "shimmy.storage"
        configuration.busyMode = .timeout(patience)
        configuration.prepareDatabase { database in
            guard !database.configuration.readonly else { return }
            try database.execute(sql: "PRAGMA page_size = 4096")
            // Counts only before the first table: space that is freed can be given back piece by piece.
            try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try database.execute(sql: "PRAGMA journal_size_limit = 33554432")
            // Housekeeping keeps to the limit; this is the wall behind it, for what comes at once and what must not go.
            if let limits {
                // SQLite counts pages in 32 bits.
                let pages = min(limits.bytes / 4096, Int(Int32.max) / 2)
                try database.execute(sql: "PRAGMA max_page_count = \(64 + pages * 3 / 2)")
            }
        }
        return configuration
    }
}
