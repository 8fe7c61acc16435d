// This module stores records in SQLite: responses, conversations and chats, with their owners. It does not know about HTTP or models.

import CoreMetrics
import Dispatch
import Foundation
import GRDB
package import Logging
import Synchronization
import Tracing

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
/// work runs on the database's own queues. Data written when a function returns survives any end of the process: a write fails if the database
/// file at the path is no longer the open one, or if another program shortened its journal. On a full disk, reads and deletions go on as long as
/// possible. A power failure may lose the last writes (SQLite's `synchronous = NORMAL`) but never damages the database.
package final class Store: Sendable {
    private enum State {
        case new
        case open(Connection)
        case closed(StorageError, since: ContinuousClock.Instant)
    }

    private struct Connection: Sendable {
        let database: any DatabaseWriter
        /// Nil if the disk was so full that the database could only be opened for reading.
        let writer: GroupedWriter?
        let files: StoragePlace.Files
        let journal: JournalWatch
        let opened = ContinuousClock.now
    }

    private let place: StoragePlace
    private let reserve: SpaceReserve
    package let limits: StorageLimits
    private let patience: Double
    private let retryAfter: Duration
    let now: @Sendable () -> Int
    private let logger: Logger
    let housekeeping: Housekeeping
    private let state = Mutex(State.new)
    /// Whether the last opened connection could only read, so that this is logged once.
    private let isReadOnly = Atomic<Bool>(false)
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
        reserve = SpaceReserve(place)
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
                if case .open(let connection) = old { try? connection.database.close() }
                membership.withLock { $0 = nil }
                continuation.resume()
            }
        }
    }

    /// Returns the bytes of all records.
    package func usedBytes() async throws -> Int { try await read { try Pruning.usedBytes($0) } }

    /// Returns the bytes of the records of the owners that use the most. It reads all records.
    /// - most: the max number of owners.
    package func usedBytesByOwner(most: Int) async throws -> [String: Int] { try await read { try Pruning.usedBytesByOwner($0, most: most) } }

    /// Throws if the storage is unavailable, or can only be read.
    package func ready() async throws { _ = try await connection(forWriting: true) }

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
        try await traced("storage read") { try await readOnce(work) }
    }

    /// Runs `work` in a transaction and returns its result when it is committed.
    /// - frees: whether `work` only deletes. Deletions can go on when the disk is full.
    func write<Value: Sendable>(frees: Bool = false, _ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await traced("storage write") { try await commit(frees: frees, work) }
    }

    /// Runs an access as a span of the current request, if it has a trace.
    private func traced<Value: Sendable>(_ name: String, _ access: () async throws -> Value) async throws -> Value {
        if InstrumentationContext.current == nil { return try await access() }
        let span = InstrumentationSystem.tracer.startSpan(name)
        defer { span.end() }
        do {
            return try await access()
        } catch {
            span.recordError(error)
            throw error
        }
    }

    private func readOnce<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try await connection(forWriting: false)
        do {
            return try await connection.database.read(work)
        } catch {
            let reason = await failure(error, of: connection)
            // On a full disk, a write closes the connection that can only read, to try a normal one.
            guard connection.writer == nil, !isCurrent(connection) else { throw reason }
        }
        return try await self.connection(forWriting: false).database.read(work)
    }

    private func isCurrent(_ connection: Connection) -> Bool {
        guard case .open(let current) = state.withLock({ $0 }) else { return false }
        return current.database === connection.database
    }

    private func commit<Value: Sendable>(frees: Bool, _ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try await connection(forWriting: true)
        guard let writer = connection.writer else { throw StorageError.full }
        let begun = ContinuousClock.now
        do {
            let result = try await writer.write(frees: frees, work)
            let nanoseconds = Int64((ContinuousClock.now - begun) / .nanoseconds(1))
            CoreMetrics.Timer(label: "shimmy_storage_write_seconds").recordNanoseconds(nanoseconds)
            return result
        } catch {
            throw await failure(error, of: connection)
        }
    }

    private func connection(forWriting: Bool) async throws -> Connection {
        if let connection = try known(forWriting: forWriting) { return connection }
        return try await onQueue { [self] in
            // Another caller may have opened the database meanwhile.
            if let connection = try known(forWriting: forWriting) { return connection }
            closeReader()
            let connection: Connection
            do {
                connection = try open()
            } catch {
                throw close(because: error)
            }
            if forWriting, connection.writer == nil { throw StorageError.full }
            return connection
        }
    }

    /// Returns the open connection; nil if it is time to open the database. Throws the last error until `retryAfter` has passed.
    private func known(forWriting: Bool) throws -> Connection? {
        try state.withLock { state in
            switch state {
            case .new: return nil
            case .open(let connection):
                if !forWriting || connection.writer != nil { return connection }
                if ContinuousClock.now - connection.opened < retryAfter { throw StorageError.full }
                return nil
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

    /// Closes a connection that can only read. Its lock would keep the next one out.
    private func closeReader() {
        guard case .open(let connection) = state.withLock({ $0 }), connection.writer == nil else { return }
        state.withLock { $0 = .new }
        try? connection.database.close()
    }

    private func open() throws -> Connection {
        try place.create()
        do {
            return try openFile()
        } catch  where StorageError(error) == .damaged {
            try setAside()
            // The new file must be private before SQLite opens it.
            try place.create()
            return try openFile()
        } catch  where StorageError(error) == .full {
            return try openOnFullDisk()
        }
    }

    /// Opens the database with the space of the reserve. If that is not enough, opens it for reading only.
    private func openOnFullDisk() throws -> Connection {
        if reserve.release() {
            do {
                return try openFile()
            } catch  where StorageError(error) == .full {}
        }
        let database = try DatabaseQueue(path: place.file, configuration: Schema.exclusiveConfiguration(patience: patience))
        guard try database.read({ try Schema.migrator.hasCompletedMigrations($0) }) else { throw StorageError.full }
        return opened(Connection(database: database, writer: nil, files: place.files, journal: JournalWatch(place)))
    }

    private func opened(_ connection: Connection) -> Connection {
        state.withLock { $0 = .open(connection) }
        let isReader = connection.writer == nil
        let wasReader = isReadOnly.exchange(isReader, ordering: .relaxed)
        if isReader, !wasReader { logger.error("disk full: stored objects can only be read", metadata: ["database": "\(place.file)"]) }
        return connection
    }

    private func openFile() throws -> Connection {
        let pool = try DatabasePool(path: place.file, configuration: Schema.configuration(patience: patience, limits: limits))
        do {
            try prepare(pool)
        } catch {
            try? pool.close()
            throw error
        }
        reserve.restore()
        let (files, journal) = (place.files, JournalWatch(place))
        let writer = GroupedWriter(pool, reserve: reserve, journal: journal) { [place] in
            guard journal.didCommit(), place.files == files else { throw StorageError.replaced }
        } afterwards: { [housekeeping] in
            housekeeping.run($0)
        }
        pool.asyncWriteWithoutTransaction { [housekeeping] in housekeeping.run($0) }
        return opened(Connection(database: pool, writer: writer, files: files, journal: journal))
    }

    private func prepare(_ pool: DatabasePool) throws {
        do {
            try Schema.migrator.migrate(pool)
        } catch {
            // Another process may have created the tables between this one's look and its attempt.
            try Schema.migrator.migrate(pool)
        }
        try membership.withLock { membership in
            if membership == nil { membership = try place.join { try tidyUp(pool) } }
        }
    }

    /// Marks the responses that an earlier process began as failed, and keeps the queued ones for `takeQueued`.
    private func tidyUp(_ pool: DatabasePool) throws {
        let (failed, queued) = try pool.write { database in
            (
                try Interruption.failUnfinished(database, now: now()),
                try String.fetchAll(database, sql: "SELECT id FROM record WHERE status = 'queued' ORDER BY serial")
            )
        }
        if failed > 0 { logger.warning("responses interrupted by a restart", metadata: ["count": .stringConvertible(failed)]) }
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

    /// Converts an error. Replaces a damaged or lost database, unless another caller has already done so.
    private func failure(_ error: any Error, of connection: Connection) async -> any Error {
        guard let reason = StorageError(error) else { return error }
        if reason.isClients || reason == .full || reason == .locked { return reason }
        do {
            let reported: StorageError = try await onQueue { [self] in try recover(connection, from: reason) }
            return reported
        } catch {
            return error
        }
    }

    /// Opens the database again if its file is damaged, removed or replaced, or its journal was shortened. Returns the error of the failed access.
    private func recover(_ connection: Connection, from reason: StorageError) throws -> StorageError {
        guard case .open(let current) = state.withLock({ $0 }), current.database === connection.database else { return reason }
        let isShortened = connection.journal.isLost || connection.journal.isShortened
        let isLost = isShortened || connection.files != place.files
        guard isLost || reason == .damaged else { return reason }
        state.withLock { $0 = .new }
        // A journal at the path that belongs to another database is not this one's to change.
        if isShortened, connection.files == place.files { connection.journal.discard() }
        try? connection.database.close()
        do {
            if isLost { leave(connection.files) } else { try setAside() }
            _ = try open()
        } catch {
            throw close(because: error)
        }
        return isLost ? .replaced : reason
    }

    /// Leaves a database whose files are no longer at the path.
    private func leave(_ files: StoragePlace.Files) {
        logger.critical(
            "database file removed or replaced, or its journal shortened, while in use: objects stored in it may be lost",
            metadata: ["database": "\(place.file)"])
        place.removeOrphanedJournal(of: files)
        membership.withLock { membership in
            if let current = membership, !place.accepts(current) { membership = nil }
        }
    }
}
