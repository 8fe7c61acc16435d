import Foundation
import ShimmyCore
import Testing

@Suite struct AtomicFileTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/shimmy-atomic-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func withFolder(_ body: () throws -> Void) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body()
    }

    @Test func filesAreCreatedOnceAndReplacedWhole() throws {
        try withFolder {
            let path = folder + "/a"
            #expect(AtomicFile.permissions(of: path) == nil)
            try AtomicFile.create(path, Array("one".utf8), permissions: 0o640)
            #expect(AtomicFile.permissions(of: path) == 0o640)
            #expect(throws: AtomicFile.Failure(code: EEXIST)) { try AtomicFile.create(path, [], permissions: 0o600) }
            try AtomicFile.replace(path, with: Array("two".utf8), permissions: 0o600)
            #expect(RegularFile.text(path, limit: 10) == "two")
            #expect(AtomicFile.permissions(of: path) == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        }
    }

    @Test func aFailureLeavesNothing() throws {
        try withFolder {
            #expect(throws: AtomicFile.Failure(code: ENOENT)) { try AtomicFile.replace(folder + "/none/a", with: [1], permissions: 0o600) }
            try FileManager.default.createDirectory(atPath: folder + "/taken", withIntermediateDirectories: true)
            #expect(throws: AtomicFile.Failure.self) { try AtomicFile.replace(folder + "/taken", with: [1], permissions: 0o600) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["taken"])
        }
    }

    @Test func linksAreFollowedOrNotCreatedThrough() throws {
        try withFolder {
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/target")
            #expect(AtomicFile.isTaken(folder + "/link") && AtomicFile.realPath(of: folder + "/link") == nil)
            #expect(throws: AtomicFile.Failure(code: EEXIST)) { try AtomicFile.create(folder + "/link", [1], permissions: 0o600) }
            try AtomicFile.create(folder + "/target", [], permissions: 0o600)
            #expect(AtomicFile.realPath(of: folder + "/link") == folder + "/target")
            #expect(!AtomicFile.isTaken(folder + "/other"))
        }
    }
}
