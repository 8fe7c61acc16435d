import Foundation
import ShimmyClient
import ShimmyJSON
import Testing

@Suite struct StorageTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shimmy-\(UInt64.random(in: 0 ... .max))").path

    private func mode(_ path: String) -> Int? { (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int }

    @Test func sessionsAreKeptForTheirOwner() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = SessionStore(directory: folder + "/sessions")
        #expect(store.names.isEmpty)
        try store.save(["version": 1], as: "mine")
        try store.save(["version": 2], as: "mine")
        #expect(store.names == ["mine"])
        #expect(try store.load("mine") == ["version": 2])
        #expect(mode(folder + "/sessions/mine.json") == 0o600)
        #expect(mode(folder + "/sessions") == 0o700)
        #expect(throws: PrivateFileError.self) { try store.load("other") }
    }

    @Test(arguments: ["", "../x", "a/b", ".hidden", "a\0b", "a b", String(repeating: "x", count: 65)])
    func namesNeverBecomeOtherPaths(name: String) {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = SessionStore(directory: folder + "/sessions")
        #expect(throws: PrivateFileError.self) { try store.save([:], as: name) }
        #expect(throws: PrivateFileError.self) { try store.load(name) }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test func historyIsALineForEachEntry() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = HistoryFile(path: folder + "/history.jsonl")
        #expect(file.entries.isEmpty)
        for entry in ["one", "two\nlines \"quoted\"", "日本"] { try file.append(entry) { $0 + [$1] } }
        #expect(file.entries == ["one", "two\nlines \"quoted\"", "日本"])
        #expect(mode(folder + "/history.jsonl") == 0o600)
    }

    /// Files and directories are private even in an existing directory that is open to all, and with a umask of 0.
    @Test func whatIsPrivateIsSoInAnyDirectory() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: folder + "/sessions", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        let old = umask(0)
        defer { umask(old) }
        try SessionStore(directory: folder + "/sessions").save(["version": 1], as: "mine")
        try HistoryFile(path: folder + "/history.jsonl").append("typed") { $0 + [$1] }
        #expect(mode(folder + "/sessions/mine.json") == 0o600)
        #expect(mode(folder + "/history.jsonl") == 0o600)
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
        #expect(names == ["history.jsonl", "sessions", "sessions/mine.json"])
    }

    /// An unreadable history file is not overwritten by a new line.
    @Test func aHistoryThatIsNoFileStays() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/history.jsonl", withIntermediateDirectories: true)
        let file = HistoryFile(path: folder + "/history.jsonl")
        #expect(file.entries.isEmpty)
        #expect(throws: PrivateFileError.self) { try file.append("typed") { $0 + [$1] } }
    }
}
