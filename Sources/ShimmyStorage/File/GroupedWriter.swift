import GRDB
import Synchronization

/// Groups waiting writes into one transaction: 32 answers that end at once cost one commit. The work runs on the database's own queue, and
/// waiting callers block no thread.
final class GroupedWriter: Sendable {
    private let pool: DatabasePool
    private let waiting = Mutex<[any WaitingWrite]>([])
    /// Called on the queue after each transaction.
    private let afterwards: @Sendable (Database) -> Void

    init(_ pool: DatabasePool, afterwards: @escaping @Sendable (Database) -> Void) {
        self.pool = pool
        self.afterwards = afterwards
    }

    /// Runs `work` and returns its result when it is committed. If the calling task is cancelled, the write is still completed.
    func write<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let write = Write(work, continuation)
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
        commit(writes, database)
        afterwards(database)
    }

    private func commit(_ writes: [any WaitingWrite], _ database: Database, isLastTry: Bool = false) {
        var errors: [(any Error)?] = []
        do {
            try database.inTransaction(.immediate) {
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
            for (write, error) in zip(writes, errors) { write.finish(error) }
        } catch {
            guard StorageError(error) == .full, !isLastTry else {
                for write in writes { write.finish(error) }
                return
            }
            // Retry each write alone: pruning may free space, or the smaller writes may fit.
            afterwards(database)
            for write in writes { commit([write], database, isLastTry: true) }
        }
    }
}

/// A write and the caller that waits for it.
private protocol WaitingWrite: AnyObject, Sendable {
    func run(_ database: Database) throws
    /// - error: the reason why the write was not committed; nil if it was.
    func finish(_ error: (any Error)?)
}

private final class Write<Value: Sendable>: WaitingWrite {
    private let work: @Sendable (Database) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let value = Mutex<Value?>(nil)

    init(_ work: @escaping @Sendable (Database) throws -> Value, _ continuation: CheckedContinuation<Value, any Error>) {
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
