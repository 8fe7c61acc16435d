import Foundation
import ShimmyHub
import Testing

/// The pulls that are not complete, in a directory of models.
@Suite struct UnfinishedPullsTests {
    private let root: PullFolder
    private static let address = "maker/model:Q4_0"

    init() throws { root = try PullFolder() }

    private var folder: String { "\(root.path)/maker/model" }
    private var pulls: UnfinishedPulls { UnfinishedPulls(directory: root.path) }

    private static func file(_ path: String, size: Int = 4) -> HubFile { HubFile(path: path, size: size, hash: .sha256("x")) }

    private func begin(_ files: [HubFile], total: Int = 100, isFolder: Bool = false, at begun: Int = 7, _ address: String = address) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try PullManifest.begin(UnfinishedPull(begun: begun, totalBytes: total, isFolder: isFolder, files: files), address, in: folder)
    }

    private func complete(_ file: HubFile) throws {
        #expect(FileManager.default.createFile(atPath: "\(folder)/\(file.path)", contents: Data(count: file.size)))
        try PullManifest.note(file, in: folder)
    }

    private var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() }

    @Test func aPullIsListedUntilItIsComplete() throws {
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"].map { Self.file($0) }
        try begin(parts, total: 8)
        #expect(pulls.all().map(\.address) == [Self.address] && pulls.all().map(\.doneBytes) == [0])
        try complete(parts[0])
        let element = try #require(pulls.all().first)
        #expect(element.repository == "maker/model" && element.doneBytes == 4 && element.pull.totalBytes == 8 && element.pull.begun == 7)
        #expect(!element.isRunning)
        try complete(parts[1])
        #expect(pulls.all().isEmpty)
        try PullManifest.end(Self.address, in: folder)
        #expect(PullManifest.read(in: folder).pulls.isEmpty && PullManifest.read(in: folder).hashes.count == 2)
    }

    @Test func theNewestPullComesFirst() throws {
        try begin([Self.file("a.gguf")], at: 1, "maker/model/a.gguf")
        try begin([Self.file("b.gguf")], at: 2, "maker/model/b.gguf")
        #expect(pulls.all().map(\.address) == ["maker/model/b.gguf", "maker/model/a.gguf"])
    }

    @Test func aPullThatBeginsAgainKeepsItsTimeAndItsFiles() throws {
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"].map { Self.file($0) }
        try begin(parts, at: 1)
        try complete(parts[0])
        try begin([parts[1]], at: 9)
        let pull = try #require(pulls.all().first?.pull)
        #expect(pull.begun == 1 && Set(pull.files.map(\.path)) == Set(parts.map(\.path)))
    }

    @Test func aDeletedPullLeavesNothing() throws {
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"].map { Self.file($0) }
        try begin(parts)
        try complete(parts[0])
        do {
            let partial = try PartialFile(for: "\(folder)/\(parts[1].path)", identity: "i", size: 4, chunkCount: 1)
            #expect(throws: HubError.busy(Self.address)) { _ = try pulls.remove(Self.address) }
            withExtendedLifetime(partial) {}
        }
        #expect(names.contains(".m-00002-of-00002.gguf.partial") && names.contains(".m-00002-of-00002.gguf.partial.journal"))
        #expect(try pulls.remove(Self.address))
        #expect(root.names == [])
        #expect(try !pulls.remove(Self.address))
    }

    @Test func aCompleteModelBesideThePullStays() throws {
        let (whole, missing) = (Self.file("whole.gguf"), Self.file("missing.gguf"))
        try begin([whole, missing])
        try complete(whole)
        #expect(try pulls.remove(Self.address))
        #expect(names == [PullManifest.name, "whole.gguf"] && PullManifest.read(in: folder).hashes == ["whole.gguf": "x"])
    }

    @Test func theFilesOfAFolderGoTogether() throws {
        let (config, weights) = (Self.file("config.json"), Self.file("model.safetensors"))
        try begin([config, weights], isFolder: true)
        try complete(config)
        #expect(try pulls.remove(Self.address))
        #expect(root.names == [])
    }

    /// A manifest is a file that other programs can write. Its names become paths.
    @Test(arguments: [
        #"{"begun": 1, "total": 1, "folder": true, "files": [{"type": "file", "path": "../../victim", "oid": "x", "size": 1}]}"#,
        #"{"begun": 1, "total": 1, "folder": true, "files": [{"type": "file", "path": "/victim", "oid": "x", "size": 1}]}"#,
        #"{"begun": 1e300, "total": 1, "folder": true, "files": [{"type": "file", "path": "a", "oid": "x", "size": 1}]}"#,
        #"{"begun": 1, "total": 1, "folder": true, "files": [{"type": "file", "path": "a", "oid": "x", "size": -1}]}"#,
        #"{"begun": 1, "total": 1, "folder": true, "files": 5}"#, "5", "[]", "{}",
    ])
    func aDamagedEntryIsIgnored(entry: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = #"{"files": {}, "pulls": {"x": \#(entry)}}"#
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(PullManifest.name)"))
        #expect(pulls.all().isEmpty)
        #expect(try !pulls.remove("x"))
    }
}
