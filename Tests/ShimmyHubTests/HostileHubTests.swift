import Foundation
import ShimmyHub
import ShimmyJSON
import Testing

/// Absurd numbers from a hub or a damaged journal.
@Suite struct HostileHubTests {
    private static func file(_ path: String, _ size: JSON) -> JSON { ["type": "file", "path": .string(path), "size": size, "oid": "0"] }

    @Test(arguments: [-1, .int(.min), .int(.max), .int(HubFile.mostBytes + 1), 1e300, 0.5, "5", .null] as [JSON])
    func sizesThatNoFileHasAreRefused(size: JSON) {
        #expect(throws: HubError.self) { try HubFile.read(Self.file("a.gguf", size)) }
        let large: JSON = ["type": "file", "path": "a.gguf", "size": 1, "oid": "0", "lfs": ["oid": "1", "size": size]]
        #expect(throws: HubError.self) { try HubFile.read(large) }
    }

    @Test func sizesThatAreSummedSaturate() throws {
        let files = (1...4).map { HubFile(path: "m-0000\($0)-of-00004.gguf", size: .max, hash: .gitBlob("0")) }
        let choice = try #require(FileChoice.all(in: files).first)
        #expect(choice.sizeBytes == .max)
        #expect(choice.memoryBytes > 0)
        let address = try HubAddress("user/repo")
        #expect(throws: HubError.tooLarge("user/repo", needed: choice.memoryBytes, available: 5)) {
            try FileChoice.choose(address, from: files, memory: 5)
        }
        #expect(!HubError.tooLarge("user/repo", needed: .max, available: .max).description.isEmpty)
    }

    /// Names that each claim 99,999 parts are handled quickly.
    @Test func namesThatClaimManyPartsTakeNoTime() {
        let files = (0..<20_000).map { HubFile(path: "m\($0)-00001-of-99999.gguf", size: 1, hash: .gitBlob("0")) }
        #expect(FileChoice.all(in: files).isEmpty)
    }

    // MARK: Journals

    private func done(_ journal: String, chunks: Int = 4) throws -> Set<Int> {
        let folder = try PullFolder()
        let target = folder.path + "/model.gguf"
        try Data([1]).write(to: URL(filePath: folder.path + "/.model.gguf.partial"))
        try Data("identity 100\n\(journal)".utf8).write(to: URL(filePath: folder.path + "/.model.gguf.partial.journal"))
        return try PartialFile(for: target, identity: "identity", size: 100, chunkCount: chunks).done
    }

    @Test func aDamagedJournalNamesNoChunkThatTheFileDoesNotHave() throws {
        #expect(try done("0\n3\n") == [0, 3])
        #expect(try done("-1\n4\n2\n9223372036854775807\n99999999999999999999\n+3\n1e3\nx\n\n0x1\n") == [2, 3])
        #expect(try done("2\n1") == [2])
        #expect(try done("0\n", chunks: 0) == [])
    }

    /// A partial file that is a link is not written to, because it may point to another program's file.
    @Test func aPartialFileThatIsALinkIsNotWrittenTo() throws {
        let folder = try PullFolder()
        try Data("theirs".utf8).write(to: URL(filePath: folder.path + "/theirs"))
        for name in [".model.gguf.partial", ".model.gguf.partial.journal"] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(name)", withDestinationPath: folder.path + "/theirs")
            #expect(throws: HubError.self) { try PartialFile(for: folder.path + "/model.gguf", identity: "i", size: 1, chunkCount: 1) }
            try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
        }
        #expect(folder.content("theirs") == Array("theirs".utf8))
    }
}
