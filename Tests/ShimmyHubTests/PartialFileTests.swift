import Foundation
import ShimmyHub
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that is deleted with the test.
final class PullFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shimmy-pull-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    func content(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: "\(path)/\(name)").map { [UInt8]($0) } }
}

@Suite struct PartialFileTests {
    private let folder: PullFolder

    init() throws { folder = try PullFolder() }

    private var target: String { folder.path + "/model.gguf" }

    private func owner(_ identity: String = "commit/model.gguf hash") throws -> PartialFile {
        try PartialFile(for: target, identity: identity, size: 8, chunkCount: 2)
    }

    private func put(_ text: String, at offset: Int, to file: PartialFile) throws {
        try Array(text.utf8).withUnsafeBytes { try file.write($0, at: offset) }
    }

    @Test func whatArrivedIsKnownToTheNextOwner() throws {
        do {
            let file = try owner()
            try put("abcd", at: 0, to: file)
            #expect(!file.isResumable)
            try file.finish(chunk: 0)
            #expect(file.isResumable)
        }
        let next = try owner()
        #expect(next.done == [0])
        try put("efgh", at: 4, to: next)
        try next.place(at: target, size: 8)
        #expect(folder.content("model.gguf") == Array("abcdefgh".utf8))
        #expect(folder.names == ["model.gguf"])
    }

    @Test func bytesOfAnotherFileAreDropped() throws {
        do {
            let file = try owner()
            try put("abcd", at: 0, to: file)
            try file.finish(chunk: 0)
        }
        #expect(try owner("another commit").done == [])
        #expect(folder.content(".model.gguf.partial") == [])
    }

    @Test func aJournalWithoutItsFileTellsNothing() throws {
        do {
            let file = try owner()
            try put("abcd", at: 0, to: file)
            try file.finish(chunk: 0)
        }
        try FileManager.default.removeItem(atPath: folder.path + "/.model.gguf.partial")
        #expect(try owner().done == [])
    }

    @Test func oneOwnerAtATime() throws {
        let first = try owner()
        #expect(throws: HubError.busy("model.gguf")) { try owner() }
        first.discard()
        // The path is free, although the first owner still has its file open.
        let second = try owner()
        try put("abcd", at: 0, to: second)
        #expect(folder.content(".model.gguf.partial") == Array("abcd".utf8))
        withExtendedLifetime(first) {}
    }

    @Test func whoIsLateStartsAnew() throws {
        let first = try owner()
        try put("abcdefgh", at: 0, to: first)
        try first.finish(chunk: 0)
        try first.place(at: target, size: 8)
        let second = try owner()
        #expect(second.done == [])
        #expect(folder.content("model.gguf") == Array("abcdefgh".utf8))
        withExtendedLifetime(first) {}
    }

    /// An owner that opened the file before its move, but locked it afterwards, detects the move.
    @Test func aFileThatWasMovedIsTold() throws {
        let first = try owner()
        let descriptor = open(first.path, O_RDWR)
        defer { close(descriptor) }
        #expect(PartialFile.isFile(descriptor, at: first.path))
        try put("abcdefgh", at: 0, to: first)
        try first.place(at: target, size: 8)
        #expect(!PartialFile.isFile(descriptor, at: first.path))
        let second = try owner()
        #expect(!PartialFile.isFile(descriptor, at: second.path))
        #expect(PartialFile.isFile(descriptor, at: target))
    }

    /// With concurrent owners, a placed file is never modified again.
    @Test func whatIsPlacedStaysWhole() async throws {
        let (folder, target) = (self.folder, self.target)
        let whole = Array("abcdefgh".utf8)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var isWhole = true
                    for _ in 0..<25 {
                        guard let file = try? PartialFile(for: target, identity: "commit", size: 8, chunkCount: 2) else { continue }
                        try whole.withUnsafeBytes { try file.write($0, at: 0) }
                        try file.place(at: target, size: 8)
                        isWhole = isWhole && folder.content("model.gguf") == whole
                    }
                    return isWhole
                }
            }
            for try await isWhole in group { #expect(isWhole) }
        }
    }
}

@Suite struct PullManifestTests {
    @Test func writersDoNotLoseEachOthersEntries() async throws {
        let folder = try PullFolder()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    for number in 0..<20 {
                        let file = HubFile(path: "\(writer)-\(number).gguf", size: 1, hash: .sha256("\(number)"))
                        try PullManifest.note(file, in: folder.path)
                    }
                }
            }
            try await group.waitForAll()
        }
        let noted = Set(PullManifest.read(in: folder.path).hashes.keys)
        #expect(noted == Set((0..<2).flatMap { writer in (0..<20).map { "\(writer)-\($0).gguf" } }))
        #expect(folder.names == [PullManifest.name])
    }

    @Test func theLastEntryTakesTheManifestAlong() throws {
        let folder = try PullFolder()
        for name in ["a.gguf", "b.gguf"] { try PullManifest.note(HubFile(path: name, size: 1, hash: .sha256("x")), in: folder.path) }
        try PullManifest.forget("a.gguf", in: folder.path)
        #expect(PullManifest.read(in: folder.path).hashes == ["b.gguf": "x"])
        try PullManifest.forget("b.gguf", in: folder.path)
        #expect(folder.names == [])
    }
}
