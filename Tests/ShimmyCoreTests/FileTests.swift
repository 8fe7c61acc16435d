import Foundation
import ShimmyCore
import Synchronization
import Testing

/// Files and folders whose content and location are outside the server's control.
@Suite struct FileTests {
    private final class TestFolder: Sendable {
        let path: String

        init() throws {
            path = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/shimmy-files-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path + "/own/user/repo", withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: path + "/other/repo", withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String) throws { try Data("content".utf8).write(to: URL(filePath: "\(path)/\(name)")) }
        func link(_ name: String, to target: String) throws {
            try FileManager.default.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: "\(path)/\(target)")
        }
        func has(_ name: String) -> Bool { (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")) != nil }
    }

    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    // MARK: Reading

    @Test func aFileIsReadUpToItsLimit() throws {
        try folder.write("a")
        #expect(RegularFile.text(folder.path + "/a", limit: 7) == "content")
        #expect(RegularFile.read(folder.path + "/a", limit: 6) == nil)
        #expect(RegularFile.read(folder.path + "/none", limit: 6) == nil)
        #expect(RegularFile.read(folder.path, limit: 1 << 20) == nil)
    }

    /// A pipe is refused, because opening it would block until a writer opens it.
    @Test(.timeLimit(.minutes(1))) func aPipeIsNotRead() throws {
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        #expect(RegularFile.read(folder.path + "/pipe", limit: 1 << 20) == nil)
    }

    // MARK: Removing

    private var owned: OwnedDirectory { OwnedDirectory(folder.path + "/own") }

    @Test func ownFilesAreRemoved() throws {
        try folder.write("own/user/repo/a")
        #expect(owned.strangePlace(of: folder.path + "/own/user/repo/a") == nil)
        try owned.remove(folder.path + "/own/user/repo/a")
        #expect(!folder.has("own/user/repo/a"))
        try owned.remove(folder.path + "/own/user/repo/a")
    }

    @Test func aFileBehindALinkInItsPathStays() throws {
        try folder.write("other/repo/a")
        try folder.link("own/nas", to: "other")
        let place = folder.path + "/other/repo/a"
        #expect(owned.strangePlace(of: folder.path + "/own/nas/repo/a") == place)
        #expect(throws: OwnedDirectory.Failure.elsewhere(place)) { try owned.remove(folder.path + "/own/nas/repo/a") }
        #expect(folder.has("other/repo/a"))
    }

    @Test func ofALinkOnlyTheLinkGoes() throws {
        try folder.write("other/a")
        try folder.link("own/a", to: "other/a")
        try owned.remove(folder.path + "/own/a")
        #expect(!folder.has("own/a"))
        #expect(folder.has("other/a"))
    }

    /// The directory itself may be a symbolic link, for example to another disk.
    @Test func theDirectoryItselfMayBeALink() throws {
        try folder.write("other/repo/a")
        try folder.link("linked", to: "other")
        let owned = OwnedDirectory(folder.path + "/linked")
        try owned.remove(folder.path + "/linked/repo/a")
        #expect(!folder.has("other/repo/a"))
    }

    @Test func dotsLeadNowhereElse() throws {
        try folder.write("other/a")
        #expect(throws: OwnedDirectory.Failure.elsewhere(folder.path + "/other/a")) { try owned.remove(folder.path + "/own/user/../../other/a") }
        #expect(folder.has("other/a"))
    }

    @Test func foldersAreNotRemoved() throws {
        #expect(throws: OwnedDirectory.Failure.self) { try owned.remove(folder.path + "/own/user") }
        #expect(folder.has("own/user/repo"))
    }

    // MARK: Unresponsive disks

    private final class Gate: Sendable {
        private let condition = NSCondition()
        private let state = Mutex((isOpen: false, begun: 0))

        var begun: Int { state.withLock { $0.begun } }
        func open() {
            state.withLock { $0.isOpen = true }
            condition.withLock { condition.broadcast() }
        }
        func pass() {
            state.withLock { $0.begun += 1 }
            condition.withLock { while !state.withLock({ $0.isOpen }) { condition.wait() } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func whoWaitsForADiskThatHangsGivesUp() async throws {
        let pool = WorkerPool(name: "test", threads: 8)
        defer { pool.shutdown() }
        let (disk, gate) = (DiskWork(pool: pool), Gate())
        for _ in 0..<2 { await #expect(throws: DiskWork.NoAnswer()) { try await disk.run(patience: 0.01) { gate.pass() } } }
        #expect(disk.isStuck)
        // New work does not start.
        let begun = gate.begun
        await #expect(throws: DiskWork.NoAnswer()) { try await disk.run(patience: 3600) { gate.pass() } }
        #expect(gate.begun == begun)
        // Other work of the pool continues.
        #expect(try await pool.run { _ in 1 } == 1)
        gate.open()
        while disk.isStuck { await Task.yield() }
        #expect(try await disk.run(patience: 3600) { 2 } == 2)
    }

    @Test(.timeLimit(.minutes(1))) func aCancelledTaskDoesNotWait() async throws {
        let pool = WorkerPool(name: "test", threads: 8)
        defer { pool.shutdown() }
        let (disk, gate) = (DiskWork(pool: pool), Gate())
        let work = Task { try await disk.run(patience: 3600) { gate.pass() } }
        while gate.begun == 0 { await Task.yield() }
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        gate.open()
    }

    @Test func numbersSaturate() {
        #expect(Int.max.saturated(adding: 1) == .max)
        #expect(Int.max.saturated(multipliedBy: 2) == .max)
        #expect(3.saturated(multipliedBy: 4) == 12)
    }
}
