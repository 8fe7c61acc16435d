import Foundation
import GRDB
import ShimmyJSON
import ShimmyStorage
import Testing

/// Backups of the storage, and their restoration.
@Suite struct BackupTests {
    private let fixture = StoreFixture()
    private let other = StoreFixture()

    private var backup: String { other.directory + ".backup" }

    /// Makes a backup while a store uses the directory.
    private func makeBackup() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("kept", text: "secret"), messages: fixture.items(0..<2))
        try StorageBackup.save(fixture.directory, to: backup)
        try await store.insert(fixture.chat("later"), messages: [])
        await store.close()
    }

    private func removeBackup() { try? FileManager.default.removeItem(atPath: backup) }

    @Test func aBackupOfAStoreInUseIsRestored() async throws {
        defer { removeBackup() }
        try await makeBackup()
        let mode = try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(!FileManager.default.fileExists(atPath: backup + "-wal"))
        try StorageBackup.restore(backup, to: other.directory)
        #expect(try FileManager.default.attributesOfItem(atPath: other.file)[.posixPermissions] as? Int == 0o600)
        let store = other.store()
        let kept = try await store.chat("kept", owner: "me")
        #expect(kept?.object["text"] == "secret")
        let later = try await store.chat("later", owner: "me")
        #expect(later == nil)
        await store.close()
    }

    @Test func aRestorationReplacesWhatWasThere() async throws {
        defer { removeBackup() }
        try await makeBackup()
        let store = other.store()
        try await store.insert(other.chat("old"), messages: [])
        #expect(throws: StorageError.unavailable("a server uses \(other.directory); stop it first")) {
            try StorageBackup.restore(backup, to: other.directory)
        }
        let isThere = try await store.chat("old", owner: "me") != nil
        #expect(isThere)
        await store.close()
        try StorageBackup.restore(backup, to: other.directory)
        let again = other.store()
        let (old, kept) = (try await again.chat("old", owner: "me"), try await again.chat("kept", owner: "me"))
        #expect(old == nil && kept != nil)
        await again.close()
    }

    @Test func filesThatCannotBeUsedChangeNothing() async throws {
        let store = other.store()
        try await store.insert(other.chat("old"), messages: [])
        await store.close()
        defer { removeBackup() }
        #expect(throws: StorageError.unavailable("\(backup) does not exist")) { try StorageBackup.restore(backup, to: other.directory) }
        try Data("no database at all, only text that is long enough to be read as a header".utf8).write(to: URL(fileURLWithPath: backup))
        #expect(throws: StorageError.unavailable("\(backup) is damaged, or not a database")) {
            try StorageBackup.restore(backup, to: other.directory)
        }
        removeBackup()
        try await DatabaseQueue(path: backup).write { try $0.execute(sql: "CREATE TABLE another (x)") }
        #expect(throws: StorageError.unavailable("\(backup) is not a backup of Shimmy's storage")) {
            try StorageBackup.restore(backup, to: other.directory)
        }
        let again = other.store()
        let old = try await again.chat("old", owner: "me")
        #expect(old != nil)
        await again.close()
        let names = try FileManager.default.contentsOfDirectory(atPath: other.directory)
        #expect(!names.contains { $0.hasSuffix(".partial") })
    }

    @Test func aBackupOfANewerVersionIsRefused() async throws {
        defer { removeBackup() }
        try await makeBackup()
        try await DatabaseQueue(path: backup).write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
        #expect(throws: StorageError.unavailable("\(backup) was made by a newer version of Shimmy; update Shimmy first")) {
            try StorageBackup.restore(backup, to: other.directory)
        }
    }

    @Test func aBackupNeverOverwritesAFile() async throws {
        defer { removeBackup() }
        try await makeBackup()
        #expect(throws: StorageError.unavailable("\(backup) already exists")) { try StorageBackup.save(fixture.directory, to: backup) }
        #expect(throws: StorageError.self) { try StorageBackup.save(other.directory, to: backup + "2") }
    }
}
