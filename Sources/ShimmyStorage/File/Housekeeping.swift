import GRDB
import Logging
import Synchronization

/// Keeps the storage within its bounds, a little after each transaction. Runs on the database's queue.
final class Housekeeping: Sendable {
    /// Seconds between looks at the age of what is kept.
    private static let ageInterval = 60
    /// Records in a transaction: nobody waits long behind one.
    private static let batch = 64
    /// Free pages that are kept for what comes next, and how many are given back at once.
    private static let sparePages = 256
    private static let returnedPages = 2048

    private let limits: StorageLimits
    private let now: @Sendable () -> Int
    private let logger: Logger
    private let nextLookAtAge = Mutex(0)

    init(limits: StorageLimits, now: @escaping @Sendable () -> Int, logger: Logger) {
        self.limits = limits
        self.now = now
        self.logger = logger
    }

    func run(_ database: Database) {
        do {
            let time = now()
            if time >= nextLookAtAge.withLock({ $0 }) {
                let deleted = try Pruning.delete(database, untouchedSince: time - limits.days * 86_400, most: Self.batch)
                // There may be more of them, such as what the deleted ones continued: then soon again.
                if deleted == 0 { nextLookAtAge.withLock { $0 = time + Self.ageInterval } }
            }
            let excess = try Pruning.usedBytes(database) - limits.bytes
            // A little more than it takes, so that not every write has to.
            if excess > 0 { try Pruning.delete(database, bytes: excess + limits.bytes / 50, most: Self.batch) }
            let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
            if free > 2 * Self.sparePages { try Pruning.giveBack(database, pages: min(free - Self.sparePages, Self.returnedPages)) }
        } catch {
            // What was asked for is done; this is tried again after the next write.
            logger.warning("the storage could not be pruned", metadata: ["reason": "\(error)"])
        }
    }
}

/// What goes, and how. A record that a living one continues stays, and so does what is not finished.
enum Pruning {
    private static let candidates = """
        SELECT serial, bytes FROM record
        WHERE (status IS NULL OR status NOT IN ('queued', 'in_progress'))
        AND NOT EXISTS (SELECT 1 FROM record AS later WHERE later.previous = record.id)
        """

    /// Bytes of the pages that hold something.
    static func usedBytes(_ database: Database) throws -> Int {
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
        return (pages - free) * (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
    }

    /// Deletes what has not been touched since then, oldest first; returns how much that was.
    @discardableResult
    static func delete(_ database: Database, untouchedSince time: Int, most: Int) throws -> Int {
        let rows = try Row.fetchAll(
            database, sql: candidates + " AND touched < ? ORDER BY touched, serial LIMIT ?", arguments: [time, most])
        try delete(database, rows.map { $0["serial"] })
        return rows.count
    }

    /// Deletes the oldest until about as many bytes are free.
    static func delete(_ database: Database, bytes: Int, most: Int) throws {
        var missing = bytes
        var serials: [Int64] = []
        for row in try Row.fetchAll(database, sql: candidates + " ORDER BY touched, serial LIMIT ?", arguments: [most]) where missing > 0 {
            missing -= row["bytes"] as Int
            serials.append(row["serial"])
        }
        try delete(database, serials)
    }

    static func giveBack(_ database: Database, pages: Int) throws {
        try Row.fetchCursor(database, sql: "PRAGMA incremental_vacuum(\(pages))").forEach { _ in }
    }

    private static func delete(_ database: Database, _ serials: [Int64]) throws {
        guard !serials.isEmpty else { return }
        try database.inTransaction(.immediate) {
            for serial in serials { try database.execute(sql: "DELETE FROM record WHERE serial = ?", arguments: [serial]) }
            return .commit
        }
    }
}
