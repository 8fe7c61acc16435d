import Foundation
import GRDB
import ShimmyJSON
import ShimmyStorage
import Testing

/// Failures of disks and files: they cause an error, and the store recovers when the fault ends.
@Suite struct FaultTests {
    private let fixture = StoreFixture()

    private var damagedFiles: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: fixture.directory)) ?? [])
            .filter { $0.contains(".damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    }

    @Test func aFileOfGarbageIsSetAside() async throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        try Data(repeating: 0x5A, count: 20_000).write(to: URL(fileURLWithPath: fixture.file))
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        let found = try await store.chat("k1", owner: "me")
        #expect(found != nil)
        #expect(damagedFiles == ["shimmy.sqlite.damaged-\(fixture.now)"])
        #expect(FileManager.default.contents(atPath: "\(fixture.directory)/\(damagedFiles[0])")?.first == 0x5A)
    }

    @Test func aFileThatIsDamagedWhileItIsOpenIsSetAside() async throws {
        let store = fixture.store()
        for number in 0..<200 { try await store.insert(fixture.chat("k\(number)", text: String(repeating: "x", count: 5000)), messages: []) }
        try await fixture.beside().writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        // Damage all pages but the first: the file opens, and the damage is found on reading.
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: fixture.file))
        let size = try handle.seekToEnd()
        try handle.seek(toOffset: 4096)
        try handle.write(contentsOf: Data(repeating: 0x5A, count: Int(size) - 4096))
        try handle.close()
        var errors: [StorageError] = []
        for number in 0..<200 {
            do {
                _ = try await store.chat("k\(number)", owner: "me")
            } catch let error as StorageError { errors.append(error) }
        }
        #expect(errors == [.damaged])
        #expect(damagedFiles.count == 1)
        try await store.insert(fixture.chat("new"), messages: [])
        let found = try await store.chat("new", owner: "me")
        #expect(found != nil)
    }

    /// Expects that a write to lost files fails, and that the next one is stored in the files at the path. Returns the ids of the stored chats.
    private func expectRecovery(of store: Store) async throws -> Set<String> {
        await #expect(throws: StorageError.replaced) { try await store.insert(fixture.chat("lost"), messages: []) }
        try await store.insert(fixture.chat("new"), messages: [])
        await store.close()
        return Set(try await fixture.store().chats(owner: "me", page: Page(limit: 100, order: .asc)).ids)
    }

    @Test func aWriteAfterTheDirectoryWasRemovedFails() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        try FileManager.default.removeItem(atPath: fixture.directory)
        let ids = try await expectRecovery(of: store)
        #expect(ids == ["new"])
    }

    @Test(arguments: ["", "-wal"]) func aWriteAfterAFileWasRemovedFails(suffix: String) async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        try FileManager.default.removeItem(atPath: fixture.file + suffix)
        let ids = try await expectRecovery(of: store)
        // SQLite can move the content of a removed journal to the database when the store closes it.
        #expect(suffix == "" ? ids == ["new"] : ids.contains("new"))
    }

    @Test func aWriteAfterTheDirectoryWasReplacedFails() async throws {
        let other = StoreFixture()
        let backup = other.store()
        try await backup.insert(other.chat("restored"), messages: [])
        await backup.close()
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        try FileManager.default.removeItem(atPath: fixture.directory)
        try FileManager.default.copyItem(atPath: other.directory, toPath: fixture.directory)
        let ids = try await expectRecovery(of: store)
        #expect(ids == ["restored", "new"])
    }

    /// The journal belongs to the lost file, and would corrupt the other one.
    @Test func aWriteAfterTheFileAloneWasReplacedFails() async throws {
        let other = StoreFixture()
        let backup = other.store()
        for number in 0..<20 { try await backup.insert(other.chat("restored\(number)"), messages: []) }
        await backup.close()
        let store = fixture.store()
        for number in 0..<20 { try await store.insert(fixture.chat("k\(number)"), messages: []) }
        #expect(rename(other.file, fixture.file) == 0)
        let ids = try await expectRecovery(of: store)
        #expect(Set(ids) == Set((0..<20).map { "restored\($0)" } + ["new"]))
    }

    /// The file of the journal stays the same. SQLite would write the next commit after a hole.
    @Test func aWriteAfterTheJournalWasEmptiedFails() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        #expect(truncate(fixture.file + "-wal", 0) == 0)
        let ids = try await expectRecovery(of: store)
        #expect(ids.contains("new") && !ids.contains("lost"))
    }

    @Test func aWriteAfterTheJournalWasShortenedFails() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        let size = try #require(FileManager.default.contents(atPath: fixture.file + "-wal")).count
        #expect(truncate(fixture.file + "-wal", off_t(size / 2)) == 0)
        let ids = try await expectRecovery(of: store)
        #expect(ids.contains("new") && !ids.contains("lost"))
    }

    /// SQLite itself, in any process, empties a journal whose content is in the database.
    @Test func aJournalThatAnotherProcessTruncatedIsStartedAnew() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        let other = try fixture.beside()
        try await other.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        for number in 2..<5 { try await store.insert(fixture.chat("k\(number)"), messages: []) }
        try await other.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
        try await store.insert(fixture.chat("k5"), messages: [])
        let chats = try await store.chats(owner: "me", page: Page(limit: 100, order: .asc))
        #expect(chats.ids == ["k1", "k2", "k3", "k4", "k5"])
    }

    @Test func oneOfSeveralStoresWritesTheReserve() async throws {
        let first = fixture.store()
        try await first.ready()
        try FileManager.default.removeItem(atPath: "\(fixture.directory)/reserve")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [fixture] in
                    let store = fixture.store(patience: 10)
                    try await store.ready()
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: fixture.directory).filter { $0.hasPrefix("reserve") }
        #expect(files == ["reserve"])
        #expect(FileManager.default.contents(atPath: "\(fixture.directory)/reserve")?.count == 1 << 20)
    }

    @Test func spaceForDeletionsIsReserved() async throws {
        let reserve = "\(fixture.directory)/reserve"
        let store = fixture.store()
        try await store.ready()
        #expect(FileManager.default.contents(atPath: reserve)?.count == 1 << 20)
        // A missing reserve is created again when the disk has room.
        try FileManager.default.removeItem(atPath: reserve)
        try await store.insert(fixture.chat("k1"), messages: [])
        #expect(FileManager.default.fileExists(atPath: reserve))
    }

    @Test func aLockedDatabaseIsToldAndUsedAgainLater() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        let other = try fixture.beside()
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        await #expect(throws: StorageError.locked) { try await store.insert(fixture.chat("k2"), messages: []) }
        // Reading still works.
        let found = try await store.chat("k1", owner: "me")
        #expect(found != nil)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try await store.insert(fixture.chat("k2"), messages: [])
    }

    @Test func aDatabaseThatIsLockedFromTheBeginningIsOpenedWhenItIsFree() async throws {
        let first = fixture.store()
        try await first.insert(fixture.chat("k1"), messages: [])
        await first.close()
        await #expect(throws: StorageError.self) { try await first.ready() }
        let other = try fixture.exclusive()
        let store = fixture.store()
        await #expect(throws: StorageError.locked) { try await store.ready() }
        try other.close()
        let found = try await store.chat("k1", owner: "me")
        #expect(found != nil)
        #expect(damagedFiles.isEmpty)
    }

    @Test func aDirectoryThatCannotBeMadeIsTold() async throws {
        try Data().write(to: URL(fileURLWithPath: fixture.directory))
        let store = fixture.store()
        let error = await #expect(throws: StorageError.self) { try await store.ready() }
        guard case .unavailable(let reason) = error else {
            Issue.record("\(error.debugDescription)")
            return
        }
        #expect(reason.contains(fixture.directory))
        try FileManager.default.removeItem(atPath: fixture.directory)
        try await store.insert(fixture.chat("k1"), messages: [])
    }
}
