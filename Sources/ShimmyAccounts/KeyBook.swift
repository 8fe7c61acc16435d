// This module stores the keys of clients and their properties. It knows neither requests nor models.

import Dispatch
package import Foundation
import GRDB
package import ShimmyCore
import Synchronization

/// The keys that administrators created, in an SQLite file of the data directory. Several processes may use it: a server notices a change of another
/// process within `standardInterval`.
///
/// The file is opened for each access and closed after it, because changes are rare. Lookups use the keys in memory, as long as the files have not
/// changed. All functions throw `KeyBookError`. Waiting callers block no thread: a disk that does not respond blocks only threads of a worker pool.
package final class KeyBook: Sendable {
    package static let fileName = "keys.sqlite"
    /// The max number of keys that are not revoked.
    package static let mostKeys = 10_000
    /// The max number of revoked keys that are kept, so that their owners can be named.
    private static let mostRevoked = 10_000
    /// The max time between a change by another process and the first lookup that uses it.
    package static let standardInterval: Duration = .milliseconds(200)

    /// The keys at one time.
    package struct Entries: Sendable {
        private let byHash: [KeyHash: AccessKey]
        /// All keys, the oldest first, with the revoked ones.
        package let all: [AccessKey]
        /// Whether there is a key that is not revoked. A server then requires keys. An expired key counts, and one that this version of the program
        /// does not understand: neither must open the server.
        package let areAny: Bool

        fileprivate init(_ keys: [(hash: KeyHash, key: AccessKey)] = [], hasUnknown: Bool = false) {
            byHash = Dictionary(keys.map { ($0.hash, $0.key) }, uniquingKeysWith: { first, _ in first })
            all = keys.map(\.key)
            areAny = hasUnknown || all.contains { $0.revoked == nil }
        }

        /// Returns the key with a hash, even if it is revoked or expired.
        package subscript(hash: KeyHash) -> AccessKey? { byHash[hash] }

        /// Returns the key with an id or a name. Of keys with the same name, the newest one that is not revoked comes first.
        package func key(named name: String) -> AccessKey? {
            all.first { $0.id == name } ?? all.last { $0.name == name && $0.revoked == nil } ?? all.last { $0.name == name }
        }
    }

    /// A key with its text, which cannot be shown again.
    package struct NewKey: Sendable {
        package let key: AccessKey
        package let text: String
    }

    private struct State {
        var entries = Entries()
        /// The version of the files that `entries` has; nil if the next caller must read the files again.
        var stamp: KeyFileStamp?
        /// The time at which the last completed check of the files began; nil if the next caller must check them.
        var checked: ContinuousClock.Instant?
        /// Whether the files were read before.
        var isRead = false
    }

    /// The checks of the files that have not ended: at most one that runs, and one that begins after it for all callers that came meanwhile.
    private struct Checks {
        struct Running {
            let began: ContinuousClock.Instant
            let task: Task<Entries, any Error>
            /// Whether this process changed the keys after the check began.
            var isOutdated = false
        }

        var running: Running?
        var next: Task<Entries, any Error>?
    }

    private let file: AccountFile
    private let interval: Duration
    private let disk: DiskWork
    private let uptime: @Sendable () -> ContinuousClock.Instant
    private let now: @Sendable () -> Date
    private let state = Mutex(State())
    private let checks = Mutex(Checks())
    /// The queue of the file, whose accesses block.
    private let queue = DispatchQueue(label: "shimmy.keys", qos: .userInitiated)

    /// - directory: Shimmy's data directory, which need not exist.
    /// - patience: max seconds to wait for another process that has locked the file. Lookups wait a second more for a disk that does not respond.
    /// - interval: the time for which lookups use the result of a check of the files.
    /// - disk: the executor of the checks.
    /// - uptime: returns the time that `interval` is measured with.
    package init(
        directory: String, patience: Double = 5, interval: Duration = KeyBook.standardInterval,
        disk: DiskWork = DiskWork(pool: .files, lane: .quick), uptime: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        file = AccountFile(directory: directory, name: Self.fileName, label: "shimmy.keys", patience: patience)
        self.interval = interval
        self.disk = disk
        self.uptime = uptime
        self.now = now
    }

    package var path: String { file.path }

    /// The keys that the last access found.
    package var latest: Entries { state.withLock { $0.entries } }

    /// Returns the current keys, or those of a check of the files that began less than the interval ago. If no file changed, a check costs a look at
    /// the properties of two files. Concurrent callers share a check. While the disk does not respond, the keys that were read last remain in use.
    /// - isFresh: whether the files are checked in any case, from now.
    package func current(isFresh: Bool = false) async throws -> Entries {
        let now = uptime()
        if !isFresh, let entries = recent(at: now) { return entries }
        do {
            return try await check(for: now, isFresh: isFresh).value
        } catch is DiskWork.NoAnswer {
            if let entries = state.withLock({ $0.isRead ? $0.entries : nil }) { return entries }
            throw KeyBookError.unavailable("the keys in \(path) cannot be read: the disk does not respond")
        } catch {
            throw KeyBookError(error, path: path)
        }
    }

    /// Returns the check of the files whose result a caller may use: the one that runs, if it began recently enough, or the one after it.
    private func check(for now: ContinuousClock.Instant, isFresh: Bool) -> Task<Entries, any Error> {
        checks.withLock { checks in
            guard let running = checks.running else {
                let task = Task { try await self.check(after: nil) }
                checks.running = Checks.Running(began: now, task: task)
                return task
            }
            if !isFresh, !running.isOutdated, now - running.began < interval { return running.task }
            if let next = checks.next { return next }
            let task = Task { [earlier = running.task] in try await self.check(after: earlier) }
            checks.next = task
            return task
        }
    }

    /// Checks the files. At its end, the next check is the one that runs.
    private func check(after earlier: Task<Entries, any Error>?) async throws -> Entries {
        defer {
            checks.withLock { checks in
                checks.running = checks.next.map { Checks.Running(began: uptime(), task: $0) }
                checks.next = nil
            }
        }
        // Callers wait only once for a disk that does not respond.
        if let earlier, case .failure(let error) = await earlier.result, error is DiskWork.NoAnswer { throw error }
        return try await disk.run(patience: file.patience + 1) { [self, began = uptime()] in try queue.sync { try refreshed(began) } }
    }

    /// Creates a key.
    package func create(_ draft: KeyDraft) async throws -> NewKey {
        try draft.check(at: now())
        let text = KeyText.make()
        let created = Date(timeIntervalSince1970: Double(KeySchema.seconds(now())))
        var key = AccessKey(
            id: KeyText.makeID(), name: draft.name, role: draft.role, models: draft.models, limits: draft.limits, weight: draft.weight,
            created: created, expires: draft.expires.map { Date(timeIntervalSince1970: Double(KeySchema.seconds($0))) })
        key.hint = KeyText.hint(of: text)
        let new = key
        try await write { database in
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM key WHERE revoked IS NULL") ?? 0
            if count >= Self.mostKeys { throw KeyBookError.tooMany(Self.mostKeys) }
            do {
                try KeySchema.insert(new, KeyHash(of: text), database)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw KeyBookError.nameTaken(new.name)
            }
            try database.execute(
                sql: """
                    DELETE FROM key WHERE revoked IS NOT NULL AND id NOT IN
                        (SELECT id FROM key WHERE revoked IS NOT NULL ORDER BY revoked DESC LIMIT ?)
                    """, arguments: [Self.mostRevoked])
        }
        return NewKey(key: new, text: text)
    }

    /// Revokes a key. Returns it, or nil if there is no such key that is not revoked.
    /// - name: the name or the id of the key.
    package func revoke(_ name: String) async throws -> AccessKey? {
        let revoked = KeySchema.seconds(now())
        return try await change(name) { key, database in
            try database.execute(sql: "UPDATE key SET revoked = ? WHERE id = ?", arguments: [revoked, key.id])
        }
    }

    /// Replaces the text of a key; the old text opens nothing from then on. Returns nil if there is no such key that is not revoked.
    package func rotate(_ name: String) async throws -> NewKey? {
        let text = KeyText.make()
        let key = try await change(name) { key, database in
            try database.execute(
                sql: "UPDATE key SET hash = ?, hint = ? WHERE id = ?",
                arguments: [Data(KeyHash(of: text).bytes), KeyText.hint(of: text), key.id])
        }
        return key.map { NewKey(key: $0, text: text) }
    }

    /// Changes the properties of a key. Requests that begin later get the new ones. Returns the key after the change, or nil if there is no such key
    /// that is not revoked.
    /// - name: the name or the id of the key.
    /// - edit: gets the current properties and changes some of them. The file is locked meanwhile.
    package func update(_ name: String, _ edit: @escaping @Sendable (inout KeyDraft) -> Void) async throws -> AccessKey? {
        let time = now()
        return try await change(name) { key, database in
            var draft = KeyDraft(key)
            edit(&draft)
            // A key that has expired can be changed in other ways.
            try draft.check(at: draft.expires == key.expires ? .distantPast : time)
            do {
                try KeySchema.update(key.id, draft, database)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw KeyBookError.nameTaken(draft.name)
            }
        }
    }

    /// Changes a key that is not revoked. Returns it after the change; nil if there is none.
    private func change(_ name: String, _ work: @escaping @Sendable (AccessKey, Database) throws -> Void) async throws -> AccessKey? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try await write { database in
            guard let key = try Self.entries(database).key(named: name), key.revoked == nil else { return nil }
            try work(key, database)
            return try Self.entries(database).key(named: key.id)
        }
    }

    // MARK: In memory

    private func known(_ stamp: KeyFileStamp) -> Entries? { state.withLock { $0.stamp == stamp ? $0.entries : nil } }

    private func recent(at time: ContinuousClock.Instant) -> Entries? {
        state.withLock { state in
            guard let checked = state.checked, time - checked < interval else { return nil }
            return state.entries
        }
    }

    private func onQueue<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(with: Result(catching: work).mapError { KeyBookError($0, path: path) })
            }
        }
    }

    // MARK: On the queue

    /// - began: a time before this call.
    private func refreshed(_ began: ContinuousClock.Instant) throws -> Entries {
        // The stamp is read first: a change during the read gives the files another stamp.
        let stamp = KeyFileStamp(path: path)
        if let entries = known(stamp) {
            state.withLock { $0.checked = max($0.checked ?? began, began) }
            return entries
        }
        let entries = stamp.isMissing ? Entries() : try withDatabase { try $0.read { try Self.entries($0) } }
        let isSettled = stamp.isSettled(at: Int(KeySchema.seconds(now())))
        state.withLock { $0 = State(entries: entries, stamp: isSettled ? stamp : nil, checked: began, isRead: true) }
        return entries
    }

    private func write<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await onQueue { [self] in
            try file.create()
            defer {
                state.withLock { ($0.stamp, $0.checked) = (nil, nil) }
                checks.withLock { $0.running?.isOutdated = true }
            }
            return try withDatabase { try $0.write(work) }
        }
    }

    private func withDatabase<Value>(_ work: (DatabaseQueue) throws -> Value) throws -> Value {
        try file.open(KeySchema.migrator, work)
    }

    private static func entries(_ database: Database) throws -> Entries {
        let rows = try Row.fetchAll(database, sql: "SELECT * FROM key ORDER BY created, rowid")
        let keys = rows.compactMap { KeySchema.key($0) }
        return Entries(keys, hasUnknown: keys.count < rows.count)
    }
}
