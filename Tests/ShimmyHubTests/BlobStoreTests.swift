import Foundation
import ShimmyHub
import Testing

/// Files that clients upload.
@Suite struct BlobStoreTests {
    private let folder: PullFolder
    private let store: BlobStore
    /// The digest of `hello`.
    private let digest: BlobDigest

    init() throws {
        folder = try PullFolder()
        store = BlobStore(models: folder.path)
        digest = try #require(BlobDigest("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"))
    }

    private var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/.blobs")) ?? []).sorted() }

    /// Returns whether a condition becomes true. A worker thread may hold an upload for a moment after its last use.
    private func becomesTrue(_ condition: () async -> Bool) async -> Bool {
        for _ in 0..<1000 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test func aFileArrivesInPieces() async throws {
        #expect(try await store.path(of: digest) == nil)
        let upload = try await store.begin(digest, length: 5)
        try await upload.append(Array("hel".utf8))
        #expect(try await store.path(of: digest) == nil)
        try await upload.append(Array("lo".utf8))
        try await upload.finish()
        let path = try #require(try await store.path(of: digest))
        #expect(FileManager.default.contents(atPath: path) == Data("hello".utf8))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.attributesOfItem(atPath: folder.path + "/.blobs")[.posixPermissions] as? Int == 0o700)
        #expect(names == ["sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"])
    }

    @Test func anotherContentIsRefusedAndDeleted() async throws {
        let found = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
        do {
            let upload = try await store.begin(digest, length: nil)
            try await upload.append(Array("world".utf8))
            await #expect(throws: BlobError.wrongDigest(digest, found: found)) { try await upload.finish() }
        }
        #expect(await becomesTrue { names.isEmpty })
    }

    @Test func anUploadThatEndsEarlyLeavesNothing() async throws {
        do {
            let upload = try await store.begin(digest, length: 5)
            try await upload.append(Array("hel".utf8))
            withExtendedLifetime(upload) { #expect(names.count == 1) }
        }
        #expect(await becomesTrue { names.isEmpty })
    }

    @Test func fewUploadsRunAtOnce() async throws {
        var uploads: [BlobUpload] = []
        for _ in 0..<4 { uploads.append(try await store.begin(digest, length: nil)) }
        await #expect(throws: BlobError.tooMany(4)) { try await store.begin(digest, length: nil) }
        uploads.removeLast()
        #expect(await becomesTrue { (try? await store.begin(digest, length: nil)) != nil })
        withExtendedLifetime(uploads) {}
    }

    @Test func aFileThatDoesNotFitIsRefusedAtOnce() async throws {
        let store = BlobStore(models: folder.path, mostBytes: .max)
        let refusal = await #expect(throws: BlobError.self) { try await store.begin(digest, length: .max) }
        guard case .diskFull(.max, _) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(names.isEmpty)
    }

    @Test func newerFilesReplaceTheOldestOnes() async throws {
        let store = BlobStore(models: folder.path, mostBytes: 8)
        let upload = try await store.begin(digest, length: 5)
        try await upload.append(Array("hello".utf8))
        try await upload.finish()
        await store.clean()
        #expect(try await store.path(of: digest) != nil)
        let other = try #require(BlobDigest("sha256:\(String(repeating: "a", count: 64))"))
        await #expect(throws: BlobError.tooLarge(most: 8)) { try await store.begin(other, length: 9) }
        #expect(try await store.path(of: digest) != nil)
        let second = try await store.begin(other, length: 4)
        #expect(try await store.path(of: digest) == nil)
        await #expect(throws: BlobError.tooLarge(most: 8)) { try await second.append(Array("nine bytes".utf8)) }
    }

    @Test func cleaningDeletesOldFilesAndUnfinishedOnes() async throws {
        let folder = folder.path + "/.blobs"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, age) in [("sha256-a", 90_000.0), ("sha256-a.1.partial", 90_000), ("sha256-b.2.partial", 10), ("sha256-c", 10)] {
            let path = "\(folder)/\(name)"
            try Data("x".utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: path)
        }
        await store.clean()
        #expect(names == ["sha256-b.2.partial", "sha256-c"])
    }

    @Test func oldFilesAreDeleted() async throws {
        let upload = try await store.begin(digest, length: nil)
        try await upload.append(Array("hello".utf8))
        try await upload.finish()
        let path = try #require(try await store.path(of: digest))
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: path)
        let other = try #require(BlobDigest("sha256-\(String(repeating: "A", count: 64))"))
        #expect("\(other)" == "sha256:\(String(repeating: "a", count: 64))")
        _ = try await store.begin(other, length: nil)
        #expect(try await store.path(of: digest) == nil)
    }

    @Test(arguments: ["", "sha256:", "sha256:../../etc/passwd", "sha512:\(String(repeating: "a", count: 64))", String(repeating: "a", count: 64)])
    func otherTextsAreNoDigests(text: String) { #expect(BlobDigest(text) == nil) }
}
