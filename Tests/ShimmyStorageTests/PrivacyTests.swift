import Foundation
import ShimmyStorage
import Testing

/// Only the user can read the stored files, whatever the directory's mode.
@Suite struct PrivacyTests {
    private let fixture = StoreFixture()

    private func mode(_ name: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: "\(fixture.directory)/\(name)")[.posixPermissions] as? Int) & 0o777
    }

    @Test func newFilesAreTheUsersAlone() async throws {
        try FileManager.default.createDirectory(
            atPath: fixture.directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        for name in ["shimmy.sqlite", "shimmy.sqlite-wal", "shimmy.sqlite-shm", "lock", "reserve"] {
            #expect(try mode(name) == 0o600, "\(name)")
        }
    }

    @Test func aNewDatabaseAfterADamagedOneIsTheUsersAlone() async throws {
        try FileManager.default.createDirectory(
            atPath: fixture.directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        try Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: URL(fileURLWithPath: fixture.file))
        let store = fixture.store()
        try await store.insert(fixture.chat("k1"), messages: [])
        for name in ["shimmy.sqlite", "shimmy.sqlite-wal", "shimmy.sqlite-shm"] { #expect(try mode(name) == 0o600, "\(name)") }
    }

    @Test func filesOfEarlierVersionsBecomePrivate() async throws {
        let first = fixture.store()
        try await first.insert(fixture.chat("k1"), messages: [])
        await first.close()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: fixture.file)
        let second = fixture.store()
        try await second.insert(fixture.chat("k2"), messages: [])
        for name in ["shimmy.sqlite", "shimmy.sqlite-wal", "shimmy.sqlite-shm"] { #expect(try mode(name) == 0o600, "\(name)") }
    }
}
