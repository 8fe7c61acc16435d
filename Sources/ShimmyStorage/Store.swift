// Keeps records in SQLite: responses, conversations, chats, with whose they are. Knows no HTTP and no models.

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

/// How much is kept.
package struct StorageLimits: Sendable, Equatable {
    /// Of everything that is kept; beyond it the oldest goes that nothing living continues.
    package var bytes: Int
    /// Since something was last changed.
    package var days: Int

    package init(bytes: Int = 1_000_000_000, days: Int = 30) {
        self.bytes = bytes
        self.days = days
    }
}

/// Everything that outlives a request. Several processes may use one directory.
///
/// All functions throw `StorageError`, reading ones also `CancellationError`. They wait without a thread: the work runs on the database's
/// own queues. What was written when a function returns survives the end of the process however it ends; a power cut may cost the last
/// writes (SQLite's `synchronous = NORMAL`), never the database.
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
    private let state = Mutex(State.new)
    /// Held by everybody who uses the directory; nil until the database was opened for the first time.
    private let membership = Mutex<StoragePlace.Membership?>(nil)
    private let queuedIDs = Mutex<[String]>([])
    /// Opening and setting aside, which block.
    private let queue = DispatchQueue(label: "shimmy.storage.open", qos: .utility)

    /// Opens nothing yet; the first use does, or `ready`.
    /// - patience: seconds to wait for a database that somebody else has locked.
    /// - retryAfter: how long a database that could not be opened is left alone.
    /// - now: unix seconds.
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
        // A file that may not grow is an error like a full disk, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
    }

    package var path: String { place.file }

    /// Ends the use of the database; what was waiting to be written is. Afterwards everything throws.
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

    /// Bytes of everything that is kept.
    package func usedBytes() async throws -> Int { try await read { try Pruning.usedBytes($0) } }

    /// Throws why nothing can be kept right now: for those who want to know before they work.
    package func ready() async throws { _ = try await connection() }

    /// Background responses that an earlier process left waiting. They are told once, to one process.
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
            // Whoever waited for the same may find it done.
            if let connection = try known() { return connection }
            do {
                return try open()
            } catch {
                throw close(because: error)
            }
        }
    }

    /// Nil when it is time to open the database.
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
            return try openFile()
        }
    }

    private func openFile() throws -> Connection {
        let pool = try DatabasePool(path: place.file, configuration: Schema.configuration(patience: patience, limits: limits))
        try Schema.migrator.migrate(pool)
        try membership.withLock { membership in
            if membership == nil { membership = try place.join { try tidyUp(pool) } }
        }
        let housekeeping = Housekeeping(limits: limits, now: now, logger: logger)
        let writer = GroupedWriter(pool) { housekeeping.run($0) }
        pool.asyncWriteWithoutTransaction { housekeeping.run($0) }
        let connection = Connection(pool: pool, writer: writer, file: place.fileNumber)
        state.withLock { $0 = .open(connection) }
        return connection
    }

    /// What an earlier process had begun has failed; what it had not begun is told to whoever asks.
    private func tidyUp(_ pool: DatabasePool) throws {
        let (failed, queued) = try pool.write { database in
            (
                try Interruption.failUnfinished(database, now: now()),
                try String.fetchAll(database, sql: "SELECT id FROM record WHERE status = 'queued' ORDER BY serial")
            )
        }
        if failed > 0 { logger.warning("responses were interrupted by a restart", metadata: ["count": "\(failed)"]) }
        queuedIDs.withLock { $0 = queued }
    }

    private func close(because error: any Error) -> any Error {
        guard let reason = StorageError(error) else { return error }
        let isNews = state.withLock { state in
            defer { state = .closed(reason, since: .now) }
            if case .closed(reason, _) = state { return false }
            return true
        }
        if isNews { logger.error("nothing can be kept", metadata: ["reason": "\(reason)", "database": "\(place.file)"]) }
        return reason
    }

    private func setAside() throws {
        guard let name = place.setAside(at: now()) else { throw StorageError.unavailable("the damaged database \(place.file) cannot be renamed") }
        logger.critical(
            "the database was damaged: it has been set aside, and a new one begun", metadata: ["damaged": "\(name)", "database": "\(place.file)"])
    }

    /// A damaged database is replaced, unless somebody has done so already.
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
