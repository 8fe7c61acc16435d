import GRDB
import Logging
import ShimmyCore
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
            if excess > 0 { try Pruning.delete(database, bytes: excess.saturated(adding: limits.bytes / 50), most: Self.batch) }
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

    /// Deletes the oldest records of the owners that use most, until about as many bytes are free: nobody's records push out those of others
    /// who use less.
    static func delete(_ database: Database, bytes: Int, most: Int) throws {
        let usage = try Row.fetchAll(database, sql: "SELECT owner, sum(bytes) AS bytes FROM record GROUP BY owner")
            .reduce(into: [String: Int]()) { $0[$1["owner"]] = $1["bytes"] }
        var serials: [Int64] = []
        var missing = bytes
        for (owner, quota) in FairShare.reductions(of: usage, by: bytes).sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            let freed = try oldest(database, " AND owner = ?", [owner], bytes: quota, most: most - serials.count, &serials)
            missing -= freed
        }
        // What an owner may not lose yet, such as responses that are being made, others have to make up for.
        if serials.isEmpty { _ = try oldest(database, "", [], bytes: missing, most: most, &serials) }
        try delete(database, serials)
    }

    /// Adds the serials of the oldest records that together have about as many bytes; returns their bytes.
    private static func oldest(
        _ database: Database, _ condition: String, _ arguments: StatementArguments, bytes: Int, most: Int, _ serials: inout [Int64]
    ) throws -> Int {
        guard most > 0 else { return 0 }
        var freed = 0
        let sql = candidates + condition + " ORDER BY touched, serial LIMIT ?"
        for row in try Row.fetchAll(database, sql: sql, arguments: arguments + [most]) where freed < bytes {
            freed += row["bytes"] as Int
            serials.append(row["serial"])
        }
        return freed
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
