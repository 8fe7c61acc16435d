import GRDB
import Logging
import ShimmyCore
import Synchronization

/// Keeps the storage within its limits, with a little work after each transaction. It runs on the database's queue.
final class Housekeeping: Sendable {
    /// Seconds between checks for old records.
    private static let ageInterval = 60
    /// The max number of records in a transaction, so that other writes do not wait long.
    private static let batch = 64
    /// The number of free pages kept for later writes, and the max number of pages returned to the file system at once.
    private static let sparePages = 256
    private static let returnedPages = 2048

    private let limits: StorageLimits
    private let now: @Sendable () -> Int
    private let logger: Logger
    private let nextLookAtAge = Mutex(0)
    private let full = Mutex(Full())

    private struct Full {
        /// The owners that use more than their share of a full storage, and none of whose records can be deleted.
        var owners: Set<String> = []
        /// The bytes in use when this was found out, and the number of writes since then.
        var used = 0
        var skipped = 0
    }

    init(limits: StorageLimits, now: @escaping @Sendable () -> Int, logger: Logger) {
        self.limits = limits
        self.now = now
        self.logger = logger
    }

    /// Returns whether the owner can store new records. Otherwise its records are to be refused, not to displace those of others.
    func hasRoom(for owner: String) -> Bool { full.withLock { !$0.owners.contains(owner) } }

    func run(_ database: Database) {
        do {
            let time = now()
            if time >= nextLookAtAge.withLock({ $0 }) {
                let deleted = try Pruning.delete(database, untouchedSince: time - limits.days * 86_400, most: Self.batch)
                // If any were deleted, there may be more, such as the records that they continued. Check again after the next write.
                if deleted == 0 { nextLookAtAge.withLock { $0 = time + Self.ageInterval } }
            }
            try prune(database)
            let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
            if free > 2 * Self.sparePages { try Pruning.giveBack(database, pages: min(free - Self.sparePages, Self.returnedPages)) }
        } catch {
            // The write itself succeeded. Pruning is tried again after the next write.
            logger.warning("the storage could not be pruned", metadata: ["reason": "\(error)"])
        }
    }

    private func prune(_ database: Database) throws {
        var used = try Pruning.usedBytes(database)
        if used > limits.bytes, mayWait(used) { return }
        var (remaining, exhausted) = (Self.batch, Set<String>())
        // Deleting the end of a chain makes the record before it deletable, hence several passes.
        while used > limits.bytes, remaining > 0 {
            let excess = used - limits.bytes
            // An owner keeps what it stored last, and gets no more room, unless the others need the space by now.
            let sparesNewest = excess <= limits.bytes / Self.toleranceDivisor
            // Deletes more than required, so that not every write has to prune.
            let pass = try Pruning.delete(
                database, bytes: excess.saturated(adding: limits.bytes / 50), most: remaining, sparesNewest: sparesNewest)
            if pass.deleted == 0 {
                exhausted = pass.exhausted
                break
            }
            remaining -= pass.deleted
            used = try Pruning.usedBytes(database)
        }
        full.withLock { $0 = Full(owners: exhausted, used: used, skipped: 0) }
    }

    /// Returns whether the storage is as full as it was when nothing could be deleted. Pruning looks at all records, so that it is then
    /// tried again only after some writes.
    private func mayWait(_ used: Int) -> Bool {
        full.withLock { full in
            guard !full.owners.isEmpty, full.skipped < Self.skippedWrites, abs(used - full.used) < limits.bytes / 200 else { return false }
            full.skipped += 1
            return true
        }
    }

    /// The number of writes after which pruning is tried again although nothing could be deleted.
    private static let skippedWrites = 8
    /// The part of the limit by which the storage can exceed it while an owner's records cannot be deleted: a quarter.
    private static let toleranceDivisor = 4
}

/// Selects and deletes records. Records that a stored record continues from, and unfinished responses, are not deleted.
enum Pruning {
    private static let candidates = """
        SELECT serial, bytes FROM record
        WHERE (status IS NULL OR status NOT IN ('queued', 'in_progress'))
        AND NOT EXISTS (SELECT 1 FROM record AS later WHERE later.previous = record.id)
        """

    /// Returns the bytes of the pages in use.
    static func usedBytes(_ database: Database) throws -> Int {
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
        return (pages - free) * (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
    }

    /// Returns the bytes of the records of each owner, for the owners that use the most.
    static func usedBytesByOwner(_ database: Database, most: Int) throws -> [String: Int] {
        try Row.fetchAll(
            database, sql: "SELECT owner, sum(bytes) AS bytes FROM record GROUP BY owner ORDER BY sum(bytes) DESC LIMIT ?", arguments: [most]
        ).reduce(into: [String: Int]()) { $0[$1["owner"]] = $1["bytes"] }
    }

    /// Deletes records that have not been touched since `time` (unix seconds), oldest first. Returns the number of deleted records.
    @discardableResult
    static func delete(_ database: Database, untouchedSince time: Int, most: Int) throws -> Int {
        let rows = try Row.fetchAll(
            database, sql: candidates + " AND touched < ? ORDER BY touched, serial LIMIT ?", arguments: [time, most])
        try delete(database, rows.map { $0["serial"] })
        return rows.count
    }

    /// Deletes the oldest records of the owners with the highest usage until about `bytes` bytes are free. An owner's records thus never
    /// displace those of owners that use less. Returns the number of deleted records, and the owners of whom none can be deleted.
    /// - sparesNewest: whether each owner keeps the record that it stored or continued last.
    static func delete(
        _ database: Database, bytes: Int, most: Int, sparesNewest: Bool
    ) throws -> (deleted: Int, exhausted: Set<String>) {
        let usage = try Row.fetchAll(database, sql: "SELECT owner, sum(bytes) AS bytes FROM record GROUP BY owner")
            .reduce(into: [String: Int]()) { $0[$1["owner"]] = $1["bytes"] }
        var serials: [Int64] = []
        var exhausted: Set<String> = []
        for (owner, quota) in DeletionShares.reductions(of: usage, by: bytes).sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            let most = most - serials.count
            guard most > 0 else { break }
            let newest = sparesNewest ? try newest(database, of: owner) : nil
            let rows = try Row.fetchAll(
                database, sql: candidates + " AND owner = ? AND serial <> ? ORDER BY touched, serial LIMIT ?", arguments: [owner, newest ?? -1, most])
            var freed = 0
            for row in rows where freed < quota {
                freed += row["bytes"] as Int
                serials.append(row["serial"])
            }
            if rows.isEmpty { exhausted.insert(owner) }
        }
        try delete(database, serials)
        return (serials.count, exhausted)
    }

    private static func newest(_ database: Database, of owner: String) throws -> Int64? {
        try Int64.fetchOne(
            database, sql: "SELECT serial FROM record WHERE owner = ? ORDER BY touched DESC, serial DESC LIMIT 1", arguments: [owner])
    }

    static func giveBack(_ database: Database, pages: Int) throws {
        try Row.fetchCursor(database, sql: "PRAGMA incremental_vacuum(\(pages))").forEach { _ in }
    }

    /// Returns free pages to a full disk, in steps that need little space in the journal.
    static func reclaim(_ database: Database) {
        for _ in 0..<reclaimSteps {
            do {
                _ = try database.checkpoint(.truncate)
            } catch {
                // A full disk can have no room for the pages of the journal until the database has shrunk.
                if StorageError(error) != .full { return }
            }
            guard let free = try? Int.fetchOne(database, sql: "PRAGMA freelist_count"), free > 0 else { return }
            guard (try? giveBack(database, pages: min(free, reclaimedPages))) != nil else { return }
        }
    }

    /// Runs `work` so that its deletions change as few pages as possible: SQLite does not overwrite the content of the pages that they free.
    static func sparingly(_ database: Database, _ work: () -> Void) {
        let usual = try? Int.fetchOne(database, sql: "PRAGMA secure_delete")
        try? database.execute(sql: "PRAGMA secure_delete = FAST")
        work()
        if usual != 2 { try? database.execute(sql: "PRAGMA secure_delete = \(usual ?? 0)") }
    }

    private static let reclaimSteps = 64
    private static let reclaimedPages = 64

    private static func delete(_ database: Database, _ serials: [Int64]) throws {
        guard !serials.isEmpty else { return }
        try database.inTransaction(.immediate) {
            for serial in serials { try database.execute(sql: "DELETE FROM record WHERE serial = ?", arguments: [serial]) }
            return .commit
        }
    }
}
