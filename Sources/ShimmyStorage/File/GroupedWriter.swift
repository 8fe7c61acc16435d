import GRDB
import Synchronization

/// Groups waiting writes into one transaction: 32 answers that end at once cost one commit. The work runs on the database's own queue, and
/// waiting callers block no thread.
final class GroupedWriter: Sendable {
    /// The attempts of a write on a full disk.
    private enum Attempt {
        case grouped, alone
        /// With the space of the reserve.
        case fromReserve
    }

    private let pool: DatabasePool
    private let reserve: SpaceReserve
    private let journal: JournalWatch
    /// Throws if the committed data is not in the files at the database's path. Called after each commit, before the callers get their results.
    private let verify: @Sendable () throws -> Void
    private let waiting = Mutex<[any WaitingWrite]>([])
    /// Called on the queue after each transaction.
    private let afterwards: @Sendable (Database) -> Void

    init(
        _ pool: DatabasePool, reserve: SpaceReserve, journal: JournalWatch, verify: @escaping @Sendable () throws -> Void,
        afterwards: @escaping @Sendable (Database) -> Void
    ) {
        self.pool = pool
        self.reserve = reserve
        self.journal = journal
        self.verify = verify
        self.afterwards = afterwards
    }

    /// Runs `work` and returns its result when it is committed. If the calling task is cancelled, the write is still completed.
    /// - frees: whether `work` only deletes. It may then use the reserve of a full disk.
    func write<Value: Sendable>(frees: Bool, _ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let write = Write(frees: frees, work, continuation)
            let isFirst = waiting.withLock { waiting in
                waiting.append(write)
                return waiting.count == 1
            }
            // Writes that arrive before the queue reaches this one are committed with it.
            if isFirst { pool.asyncWriteWithoutTransaction { [self] in writeWaiting($0) } }
        }
    }

    private func writeWaiting(_ database: Database) {
        let writes = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        // Without the reserve, the remaining space of the disk is for deletions.
        let isFull = !reserve.restore()
        for write in writes where isFull && !write.frees { write.finish(StorageError.full) }
        let accepted = isFull ? writes.filter(\.frees) : writes
        if !accepted.isEmpty { commit(accepted, database, .grouped) }
        if reserve.isReleased {
            Pruning.reclaim(database)
            reserve.restore()
        }
        afterwards(database)
    }

    private func commit(_ writes: [any WaitingWrite], _ database: Database, _ attempt: Attempt) {
        var errors: [(any Error)?] = []
        do {
            try database.inTransaction(.immediate) {
                journal.willCommit()
                errors = try writes.map { write in
                    do {
                        try database.inSavepoint {
                            try write.run(database)
                            return .commit
                        }
                        return nil
                    } catch {
                        // A failed write does not affect the others, unless the failure was not its own.
                        guard database.isInsideTransaction, StorageError(error) != .full else { throw error }
                        return error
                    }
                }
                return .commit
            }
            try verify()
            for (write, error) in zip(writes, errors) { write.finish(error) }
        } catch {
            guard StorageError(error) == .full, retry(writes, database, after: attempt) else {
                for write in writes { write.finish(error) }
                return
            }
        }
    }

    /// Tries writes again that found no space. Returns false, and does nothing, if another attempt is not possible.
    private func retry(_ writes: [any WaitingWrite], _ database: Database, after attempt: Attempt) -> Bool {
        switch attempt {
        case .grouped:
            // Pruning may free space, or the smaller writes may fit. Deletions come last, because they may release the reserve.
            afterwards(database)
            for write in writes.filter({ !$0.frees }) + writes.filter(\.frees) { commit([write], database, .alone) }
            return true
        case .alone:
            guard writes.allSatisfy(\.frees), reserve.release() || reserve.isReleased else { return false }
            Pruning.sparingly(database) { commit(writes, database, .fromReserve) }
            return true
        case .fromReserve: return false
        }
    }
}

/// A write and the caller that waits for it.
private protocol WaitingWrite: AnyObject, Sendable {
    var frees: Bool { get }
    func run(_ database: Database) throws
    /// - error: the reason why the write was not committed; nil if it was.
    func finish(_ error: (any Error)?)
}

private final class Write<Value: Sendable>: WaitingWrite {
    let frees: Bool
    private let work: @Sendable (Database) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let value = Mutex<Value?>(nil)

    init(frees: Bool, _ work: @escaping @Sendable (Database) throws -> Value, _ continuation: CheckedContinuation<Value, any Error>) {
        self.frees = frees
        self.work = work
        self.continuation = continuation
    }

    func run(_ database: Database) throws {
        let value = try work(database)
        self.value.withLock { $0 = value }
    }

    func finish(_ error: (any Error)?) {
        switch (value.withLock { $0 }, error) {
        case (let value?, nil): continuation.resume(returning: value)
        case (_, let error): continuation.resume(throwing: error ?? DatabaseError(resultCode: .SQLITE_ABORT))
        }
    }
}
