import Foundation
import ShimmyAccounts
import ShimmyCore
import Synchronization
import Testing

/// The keys in their file, with two books over one directory in place of two processes.
@Suite struct KeyBookTests {
    /// A directory that is deleted with the test.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/keys-\(UUID().uuidString)"

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        /// Returns a book, as another process would open it. It keeps the directory. By default, it checks its files for each lookup.
        func book(
            patience: Double = 5, interval: Duration = .zero, disk: DiskWork = DiskWork(pool: .files, lane: .quick), clock: Clock = Clock()
        ) -> KeyBook {
            KeyBook(
                directory: directory, patience: patience, interval: interval, disk: disk, uptime: { clock.now },
                now: { withExtendedLifetime(self) { Date() } })
        }
    }

    private static let draft = KeyDraft(
        name: "ann", role: .admin, models: ["small*", "größe"],
        limits: AccessKey.Limits(requestsPerMinute: 1, tokensPerMinute: 2, tokensPerDay: 3, concurrency: 4, maxOutputTokens: 5), weight: 2.5,
        expires: Date(timeIntervalSince1970: 2_000_000_000))

    @Test func aBookWithoutAFileIsEmptyAndMakesNone() async throws {
        let place = Place()
        let entries = try await place.book().current()
        #expect(entries.all.isEmpty && !entries.areAny)
        #expect(try await place.book().revoke("ann") == nil)
        #expect(try await place.book().rotate("ann") == nil)
        #expect(!FileManager.default.fileExists(atPath: place.directory))
    }

    @Test func aKeyIsFoundByItsTextAlone() async throws {
        let place = Place()
        let new = try await place.book().create(Self.draft)
        #expect(new.text.hasPrefix("sk-shimmy-") && new.text.count == 53 && new.key.id.hasPrefix("key_"))
        let found = try #require(try await place.book().current()[KeyHash(of: new.text)])
        #expect(found == new.key)
        #expect(found.limits == Self.draft.limits && found.models == Self.draft.models && found.weight == 2.5 && found.role == .admin)
        #expect(found.expires == Self.draft.expires && found.hint == String(new.text.suffix(4)))
        #expect(try await place.book().current()[KeyHash(of: new.text.lowercased())] == nil)
    }

    @Test func theFileHasNoKeyAndIsPrivate() async throws {
        let place = Place()
        let book = place.book()
        let new = try await book.create(Self.draft)
        for name in try FileManager.default.contentsOfDirectory(atPath: place.directory) {
            let path = "\(place.directory)/\(name)"
            let content = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(content.range(of: Data(new.text.utf8)) == nil && content.range(of: Data(new.text.dropFirst(10).utf8)) == nil)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
    }

    @Test func aChangeOfAnotherProcessAppliesAtOnce() async throws {
        let place = Place()
        let (server, command) = (place.book(), place.book())
        #expect(try await !server.current().areAny)
        let new = try await command.create(Self.draft)
        let hash = KeyHash(of: new.text)
        #expect(try await server.current()[hash]?.obstacle(at: Date()) == nil)
        #expect(try await server.current()[hash] != nil)
        let rotated = try #require(try await command.rotate("ann"))
        #expect(rotated.key.id == new.key.id && rotated.text != new.text)
        #expect(try await server.current()[hash] == nil)
        #expect(try await server.current()[KeyHash(of: rotated.text)]?.id == new.key.id)
        let revoked = try await command.revoke(new.key.id)
        #expect(revoked?.revoked != nil)
        let after = try await server.current()
        #expect(after[KeyHash(of: rotated.text)]?.obstacle(at: Date()) == .revoked && !after.areAny)
        #expect(try await command.revoke("ann") == nil)
        #expect(try await command.rotate("ann") == nil)
    }

    @Test func manyChangesInAMomentAreAllSeen() async throws {
        let place = Place()
        let (server, command) = (place.book(), place.book())
        for number in 0..<20 {
            let new = try await command.create(KeyDraft(name: "key \(number)"))
            #expect(try await server.current()[KeyHash(of: new.text)] != nil)
            _ = try await command.revoke("key \(number)")
            #expect(try await server.current()[KeyHash(of: new.text)]?.revoked != nil)
        }
    }

    /// A time that passes only when a test says so.
    private final class Clock: Sendable {
        private let time = Mutex(ContinuousClock.now)
        private let count = Mutex(0)

        var now: ContinuousClock.Instant {
            count.withLock { $0 += 1 }
            return time.withLock { $0 }
        }

        /// The number of times that `now` was read.
        var readings: Int { count.withLock { $0 } }

        func advance(by duration: Duration) { time.withLock { $0 += duration } }
    }

    @Test func aChangeOfAnotherProcessAppliesAfterTheInterval() async throws {
        let (place, clock) = (Place(), Clock())
        let command = place.book()
        let server = place.book(interval: .milliseconds(200), clock: clock)
        let hash = KeyHash(of: try await command.create(Self.draft).text)
        #expect(try await server.current()[hash]?.revoked == nil)
        _ = try await command.revoke("ann")
        clock.advance(by: .milliseconds(199))
        #expect(try await server.current()[hash]?.revoked == nil)
        #expect(server.latest[hash] != nil)
        clock.advance(by: .milliseconds(1))
        #expect(try await server.current()[hash]?.revoked != nil)
        // A lookup of a new key, and the book's own changes, need no interval.
        let new = try await command.create(Self.draft)
        #expect(try await server.current()[KeyHash(of: new.text)] == nil)
        #expect(try await server.current(isFresh: true)[KeyHash(of: new.text)] != nil)
        _ = try await server.revoke("ann")
        #expect(try await server.current()[KeyHash(of: new.text)]?.revoked != nil)
    }

    @Test(.timeLimit(.minutes(1))) func theKeysRemainWhileTheDiskDoesNotRespond() async throws {
        let (place, clock, gate) = (Place(), Clock(), Signal())
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        let disk = DiskWork(pool: pool, lane: .quick)
        let book = place.book(patience: 3600, interval: KeyBook.standardInterval, disk: disk, clock: clock)
        let hash = KeyHash(of: try await book.create(Self.draft).text)
        #expect(try await book.current()[hash] != nil)
        // Work that hangs, as the disk's checks would.
        for _ in 0..<2 {
            await #expect(throws: DiskWork.NoAnswer()) { try await disk.run(patience: 0.01) { while !gate.hasFired { usleep(1000) } } }
        }
        #expect(disk.isStuck)
        clock.advance(by: .seconds(60))
        #expect(try await book.current()[hash] != nil)
        let unread = place.book(disk: disk)
        await #expect(throws: KeyBookError.unavailable("the keys in \(unread.path) cannot be read: the disk does not respond")) {
            _ = try await unread.current()
        }
        gate.fire()
        while disk.isStuck { await Task.yield() }
        #expect(try await unread.current()[hash] != nil)
    }

    @Test(.timeLimit(.minutes(1))) func concurrentLookupsShareChecks() async throws {
        let (place, clock, began, gate) = (Place(), Clock(), Signal(), Signal())
        let pool = WorkerPool(name: "test", threads: 1)
        defer { pool.shutdown() }
        let busy = Task {
            try await pool.run(.quick) { _ in
                began.fire()
                while !gate.hasFired { usleep(1000) }
            }
        }
        while !began.hasFired { await Task.yield() }
        let book = place.book(disk: DiskWork(pool: pool, lane: .quick), clock: clock)
        let lookups = (0..<8).map { index in Task { try await book.current(isFresh: index % 2 == 0) } }
        // Each lookup reads the clock, and so does each check at its beginning.
        while clock.readings < 9 { await Task.yield() }
        gate.fire()
        for lookup in lookups { _ = try await lookup.value }
        try await busy.value
        #expect(clock.readings < 16, "eight lookups need fewer than eight checks")
    }

    @Test func aChangedKeyKeepsItsTextAndItsID() async throws {
        let place = Place()
        let new = try await place.book().create(Self.draft)
        let reader = place.book()
        #expect(try await reader.current()[KeyHash(of: new.text)]?.limits.tokensPerDay == 3)
        let changed = try await place.book().update("ann") { draft in
            draft.limits.tokensPerDay = nil
            draft.limits.concurrency = 9
            draft.role = .user
            draft.models = []
            draft.expires = nil
        }
        // Another process sees the change.
        let found = try #require(try await reader.current()[KeyHash(of: new.text)])
        #expect(found == changed && found.id == new.key.id && found.hint == new.key.hint && found.created == new.key.created)
        #expect(found.limits.tokensPerDay == nil && found.limits.concurrency == 9 && found.limits.requestsPerMinute == 1)
        #expect(found.role == .user && found.models.isEmpty && found.expires == nil && found.weight == 2.5)
    }

    @Test func aChangeThatIsNotValidChangesNothing() async throws {
        let place = Place()
        let book = place.book()
        let new = try await book.create(Self.draft)
        _ = try await book.create(KeyDraft(name: "bob"))
        let nobody = try await book.update("nobody") { $0.weight = 2 }
        #expect(nobody == nil)
        await #expect(throws: KeyBookError.nameTaken("bob")) { _ = try await book.update("ann") { $0.name = "bob" } }
        await #expect(throws: KeyBookError.self) { _ = try await book.update("ann") { $0.weight = 0 } }
        await #expect(throws: KeyBookError.self) { _ = try await book.update("ann") { $0.expires = Date(timeIntervalSince1970: 5) } }
        let found = try await book.current()[KeyHash(of: new.text)]
        #expect(found == new.key)
        _ = try await book.revoke("ann")
        let revoked = try await book.update("ann") { $0.weight = 2 }
        #expect(revoked == nil)
    }

    @Test func aNameIsFreeAgainAfterTheRevocation() async throws {
        let book = Place().book()
        let first = try await book.create(Self.draft)
        await #expect(throws: KeyBookError.nameTaken("ann")) { _ = try await book.create(Self.draft) }
        _ = try await book.revoke("ann")
        let second = try await book.create(Self.draft)
        let entries = try await book.current()
        #expect(entries.key(named: "ann")?.id == second.key.id && entries.key(named: first.key.id)?.revoked != nil)
    }

    @Test func aKeyExpires() async throws {
        let key = try await Place().book().create(Self.draft).key
        #expect(key.obstacle(at: Date(timeIntervalSince1970: 1_999_999_999)) == nil)
        #expect(key.obstacle(at: Date(timeIntervalSince1970: 2_000_000_000)) == .expired)
    }

    @Test(arguments: ["", " x", "x ", "a\nb", "a\u{0}b", "a\u{202E}b", String(repeating: "x", count: 65)])
    func aNameThatCannotBeShownIsRefused(name: String) async throws {
        let book = Place().book()
        await #expect(throws: KeyBookError.self) { _ = try await book.create(KeyDraft(name: name)) }
    }

    @Test func aPropertyOutOfRangeIsRefused() async throws {
        let book = Place().book()
        var drafts = Array(repeating: KeyDraft(name: "x"), count: 5)
        drafts[0].weight = 0
        drafts[1].limits.tokensPerDay = 0
        drafts[2].models = [""]
        drafts[3].limits.maxOutputTokens = .max
        drafts[4].weight = .nan
        for draft in drafts { await #expect(throws: KeyBookError.self) { _ = try await book.create(draft) } }
    }

    @Test func aFileThatIsNoDatabaseIsAnError() async throws {
        let place = Place()
        try FileManager.default.createDirectory(atPath: place.directory, withIntermediateDirectories: true)
        try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: place.book().path))
        await #expect(throws: KeyBookError.self) { _ = try await place.book().current() }
    }

    @Test func aHashIsReadAndWritten() {
        // printf abc | sha256sum
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(KeyHash(of: "abc").hexadecimal == text)
        #expect(KeyHash(hexadecimal: text.uppercased()) == KeyHash(of: "abc"))
        for bad in ["", "ba78", text + "00", text.replacing("b", with: "g")] { #expect(KeyHash(hexadecimal: bad) == nil) }
        #expect(KeyText.id(of: KeyHash(of: "abc")) == "key_ba7816bf8f01cfea414140de")
    }
}
