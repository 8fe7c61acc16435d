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
