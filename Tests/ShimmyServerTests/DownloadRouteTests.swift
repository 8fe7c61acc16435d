import Foundation
import ShimmyHub
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The list of unfinished downloads and their deletion.
@Suite struct DownloadRouteTests {
    /// A directory of models that is deleted with the test, with the data of a download.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/downloads-\(UUID().uuidString)"

        init() throws {
            let folder = directory + "/maker/model"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let file = HubFile(path: "model.gguf", size: 1 << 20, hash: .sha256("x"))
            let pull = UnfinishedPull(begun: 1_700_000_000, totalBytes: 1 << 20, isFolder: false, files: [file])
            try PullManifest.begin(pull, "maker/model:Q4_0", in: folder)
            let partial = try PartialFile(for: "\(folder)/model.gguf", identity: "i", size: 1 << 20, chunkCount: 2)
            try [UInt8](repeating: 1, count: 1 << 19).withUnsafeBytes { try partial.write($0, at: 0) }
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        var isEmpty: Bool { (try? FileManager.default.contentsOfDirectory(atPath: directory))?.isEmpty == true }
    }

    private static func server(_ place: Place) -> ScriptedServer {
        var server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        let endpoint = HubEndpoint(environment: [:], home: "/nowhere") { _ in nil }
        server.hub = HubAccess(endpoint: endpoint, directory: place.directory, memory: 0)
        return server
    }

    @Test func aDownloadIsListedAndDeleted() async throws {
        let place = try Place()
        let server = Self.server(place)
        let list = try await server.send("GET", "/admin/downloads").json
        let element = try #require(list["data"]?.arrayValue?.first)
        #expect(list["object"] == "list" && list["data"]?.arrayValue?.count == 1)
        #expect(element["object"] == "download" && element["model"] == "maker/model:Q4_0" && element["repository"] == "maker/model")
        #expect(element["total"] == .int(1 << 20) && element["running"] == false && element["created_at"] == 1_700_000_000)
        let completed = try #require(element["completed"]?.intValue)
        #expect((1 << 19...1 << 20).contains(completed))
        let deleted = try await server.send("DELETE", "/admin/downloads/maker/model%3AQ4_0")
        #expect(deleted.status == 200 && deleted.json["deleted"] == true && deleted.json["model"] == "maker/model:Q4_0")
        #expect(place.isEmpty)
        #expect(try await server.send("GET", "/admin/downloads").json["data"] == [])
        #expect(try await server.send("DELETE", "/admin/downloads/maker/model:Q4_0").status == 404)
    }

    @Test func aDirectoryThatDoesNotExistHasNoDownloads() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        #expect(try await server.send("GET", "/admin/downloads").json["data"] == [])
        #expect(try await server.send("GET", "/admin/downloads?limit=1").error == "400 unknown_parameter limit")
    }
}
