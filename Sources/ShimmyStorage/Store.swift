// This module stores records in SQLite: responses, conversations and chats, with their owners. It does not know about HTTP or models.

import Dispatch
import Foundation
import GRDB
package import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The limits of the storage.
package struct StorageLimits: Sendable, Equatable {
    /// The max bytes of all records. Beyond it, the oldest records that no other record continues are deleted.
    package var bytes: Int
    /// Days after which untouched records are deleted.
    package var days: Int

    package init(bytes: Int = 1_000_000_000, days: Int = 30) {
        self.bytes = bytes
        self.days = days
    }
}

/// All data that outlives a request. Several processes may use one directory.
///
/// All functions throw `StorageError`; functions that read also throw `CancellationError`. Waiting callers block no thread, because the
/// work runs on the database's own queues. Data written when a function returns survives any end of the process. A power failure may lose
/// the last writes (SQLite's `synchronous = NORMAL`) but never damages the database.
package final class Store: Sendable {
    private enum State {
        case new
        case open(Connection)
        case closed(StorageError, since: ContinuousClock.Instant)
    }

    private struct Connection: Sendable {
        let pool: DatabasePool
        let writer: GroupedWriter
        let file: UInt64?
    }

    private let place: StoragePlace
    package let limits: StorageLimits
    private let patience: Double
    private let retryAfter: Duration
    let now: @Sendable () -> Int
    private let logger: Logger
    let housekeeping: Housekeeping
    private let state = Mutex(State.new)
    /// This process's membership in the directory's users; nil until the database is first opened.
    private let membership = Mutex<StoragePlace.Membership?>(nil)
    private let queuedIDs = Mutex<[String]>([])
    /// The queue for opening and setting aside databases, which block.
    private let queue = DispatchQueue(label: "shimmy.storage.open", qos: .utility)

    /// Creates a store. The first access, or `ready`, opens the database.
    /// - patience: max seconds to wait for a database that another process has locked.
    /// - retryAfter: the delay before another attempt to open a database that could not be opened.
    /// - now: returns the time in unix seconds.
    package init(
        directory: String, limits: StorageLimits = StorageLimits(), logger: Logger, patience: Double = 2, retryAfter: Duration = .seconds(1),
        now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    ) {
        place = StoragePlace(directory: directory)
        self.limits = limits
        self.logger = logger
        self.patience = patience
        self.retryAfter = retryAfter
        self.now = now
        housekeeping = Housekeeping(limits: limits, now: now, logger: logger)
        // Writing a file beyond its size limit becomes an error like a full disk, instead of ending the process.
        signal(SIGXFSZ, SIG_IGN)
    }

    package var path: String { place.file }

    /// Completes pending writes and closes the database. Afterwards all functions throw.
    package func close() async {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                let old = state.withLock { state in
                    defer { state = .closed(.unavailable("the storage has been closed"), since: .now + .seconds(1_000_000_000)) }
                    return state
                }
                if case .open(let connection) = old { try? connection.pool.close() }
                membership.withLock { $0 = nil }
                continuation.resume()
            }
        }
    }

    /// Returns the bytes of all records.
    package func usedBytes() async throws -> Int { try await read { try Pruning.usedBytes($0) } }

    /// Throws if the storage is unavailable.
    package func ready() async throws { _ = try await connection() }

    /// Throws if the storage is unavailable, or has no room for further records of the owner. Callers use it to find out before they compute an
    /// answer.
    package func ready(for owner: String) async throws {
        try await ready()
        if housekeeping.hasRoom(for: owner) { return }
        // The writer prunes, and then retries a write that found no room.
        try await write { [housekeeping] _ in if !housekeeping.hasRoom(for: owner) { throw StorageError.full } }
    }

    /// Returns the background responses that an earlier process left queued. They are returned once, to one process.
    package func takeQueued() async throws -> [StoredResponse] {
        try await ready()
        let ids = queuedIDs.withLock { ids in
            defer { ids = [] }
            return ids
        }
        return try await read { database in
            try ids.compactMap { id in
                try Row.fetchOne(database, sql: "SELECT * FROM record WHERE id = ? AND status = 'queued'", arguments: [id]).map(Self.response)
            }
        }
    }

    // MARK: Access

    func read<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try await connection()
        do {
            return try await connection.pool.read(work)
        } catch {
            throw await failure(error, of: connection)
        }
    }

    func write<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try await connection()
        do {
            return try await connection.writer.write(work)
        } catch {
            throw await failure(error, of: connection)
        }
    }

    private func connection() async throws -> Connection {
        if let connection = try known() { return connection }
        return try await onQueue { [self] in
            // Another caller may have opened the database meanwhile.
            if let connection = try known() { return connection }
            do {
                return try open()
            } catch {
                throw close(because: error)
            }
        }
    }

    /// Returns the open connection; nil if it is time to open the database. Throws the last error until `retryAfter` has passed.
    private func known() throws -> Connection? {
        try state.withLock { state in
            switch state {
            case .new: return nil
            case .open(let connection): return connection
            case .closed(let error, let since):
                if ContinuousClock.now - since < retryAfter { throw error }
                return nil
            }
        }
    }

    private func onQueue<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: work)) }
        }
    }

    // MARK: Opening, on the queue

    private func open() throws -> Connection {
        try place.create()
        do {
            return try openFile()
        } catch  where StorageError(error) == .damaged {
            try setAside()
            // The new file must be private before SQLite opens it.
            try place.create()
            return try openFile()
        }
    }

    private func openFile() throws -> Connection {
        let pool = try DatabasePool(path: place.file, configuration: Schema.configuration(patience: patience, limits: limits))
        do {
            try Schema.migrator.migrate(pool)
        } catch {
            // Another process may have created the tables between this one's look and its attempt.
            try Schema.migrator.migrate(pool)
        }
        try membership.withLock { membership in
            if membership == nil { membership = try place.join { try tidyUp(pool) } }
        }
        let writer = GroupedWriter(pool) { [housekeeping] in housekeeping.run($0) }
        pool.asyncWriteWithoutTransaction { [housekeeping] in housekeeping.run($0) }
        let connection = Connection(pool: pool, writer: writer, file: place.fileNumber)
        state.withLock { $0 = .open(connection) }
        return connection
    }

    /// Marks the responses that an earlier process began as failed, and keeps the queued ones for `takeQueued`.
    private func tidyUp(_ pool: DatabasePool) throws {
        let (failed, queued) = try pool.write { database in
            (
                try Interruption.failUnfinished(database, now: now()),
                try String.fetchAll(database, sql: "SELECT id FROM record WHERE status = 'queued' ORDER BY serial")
            )
        }
        if failed > 0 { logger.warning("responses interrupted by a restart", metadata: ["count": "\(failed)"]) }
        queuedIDs.withLock { $0 = queued }
    }

    private func close(because error: any Error) -> any Error {
        guard let reason = StorageError(error) else { return error }
        let isNews = state.withLock { state in
            defer { state = .closed(reason, since: .now) }
            if case .closed(reason, _) = state { return false }
            return true
        }
        if isNews { logger.error("storage cannot be used", metadata: ["reason": "\(reason)", "database": "\(place.file)"]) }
        return reason
    }

    private func setAside() throws {
        guard let name = place.setAside(at: now()) else { throw StorageError.unavailable("the damaged database \(place.file) cannot be renamed") }
        logger.critical(
            "database damaged: set aside and replaced by a new one", metadata: ["damaged": "\(name)", "database": "\(place.file)"])
    }

    /// Converts an error. Replaces a damaged database, unless another caller has already done so.
    private func failure(_ error: any Error, of connection: Connection) async -> any Error {
        guard let reason = StorageError(error) else { return error }
        guard reason == .damaged else { return reason }
        do {
            _ = try await onQueue { [self] in
                guard case .open(let current) = state.withLock({ $0 }), current.pool === connection.pool else { return }
                try? connection.pool.close()
                state.withLock { $0 = .new }
                do {
                    if connection.file == place.fileNumber { try setAside() }
                    _ = try open()
                } catch {
                    throw close(because: error)
                }
            }
        } catch {
            return error
        }
        return reason
    }
}
