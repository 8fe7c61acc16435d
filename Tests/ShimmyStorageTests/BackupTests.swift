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

    /// Returns the texts in a database beside the storage of a fixture.
    private func texts(_ path: String) throws -> [String] {
        try DatabaseQueue(path: path).read { try String.fetchAll($0, sql: "SELECT text FROM note ORDER BY rowid") }
    }

    private func hasTable(_ name: String, _ path: String) throws -> Bool { try DatabaseQueue(path: path).read { try $0.tableExists(name) } }

    private func write(_ text: String, to path: String) throws {
        let queue = try DatabaseQueue(path: path)
        _ = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA journal_mode = WAL") }
        try queue.write { database in
            try database.execute(sql: "CREATE TABLE IF NOT EXISTS note (text TEXT)")
            try database.execute(sql: "INSERT INTO note VALUES (?)", arguments: [text])
        }
    }

    @Test func otherFilesAreRestoredToo() async throws {
        defer { removeBackup() }
        let (mine, theirs) = (["a.sqlite", "b.sqlite", "c.sqlite"].map { "\(fixture.directory)/\($0)" }, "\(other.directory)/a.sqlite")
        let store = fixture.store()
        try await store.insert(fixture.chat("kept"), messages: [])
        await store.close()
        let long = String(repeating: "x", count: 3 << 20)
        try write(long, to: mine[0])
        try write("small", to: mine[1])
        try StorageBackup.save(fixture.directory, with: mine, to: backup)
        try FileManager.default.createDirectory(atPath: other.directory, withIntermediateDirectories: true)
        try write("old", to: theirs)
        try write("same", to: "\(other.directory)/c.sqlite")
        let paths = ["a.sqlite", "b.sqlite", "c.sqlite"].map { "\(other.directory)/\($0)" }
        try StorageBackup.restore(backup, to: other.directory, with: paths)
        #expect(try texts(paths[0]) == [long])
        #expect(try texts(paths[1]) == ["small"])
        #expect(try texts(paths[2]) == ["same"])
        #expect(try FileManager.default.attributesOfItem(atPath: paths[1])[.posixPermissions] as? Int == 0o600)
        let names = try FileManager.default.contentsOfDirectory(atPath: other.directory)
        #expect(!names.contains { $0.hasSuffix(".partial") || $0.hasSuffix(".restored") })
        #expect(try !hasTable("companion", other.file))
        let again = other.store()
        let kept = try await again.chat("kept", owner: "me")
        #expect(kept != nil)
        await again.close()
    }

    @Test func otherFilesNeedNoStoredObjects() throws {
        defer { removeBackup() }
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let path = "\(fixture.directory)/a.sqlite"
        try write("alone", to: path)
        try StorageBackup.save(fixture.directory, with: [path], to: backup)
        let copy = "\(other.directory)/a.sqlite"
        try StorageBackup.restore(backup, to: other.directory, with: [copy])
        #expect(try texts(copy) == ["alone"])
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
