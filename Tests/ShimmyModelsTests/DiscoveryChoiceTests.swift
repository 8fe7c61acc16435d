import Foundation
import ShimmyModels
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The choice among several files and names: several models of one file, several files with one name, several snapshots, several projectors.
@Suite struct DiscoveryChoiceTests {
    private let home: TemporaryFolder

    init() throws { home = try TemporaryFolder() }

    private func scan() -> [ModelRecord] {
        let directories = Directories.standard(environment: ["SHIMMY_DATA_DIR": home.path + "/data"], home: home.path)
        return ModelDiscovery(directories: directories, extraDirectories: [], environment: [:], home: home.path).scan()
    }

    private func byName() -> [String: ModelRecord] { Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0) }) }

    // MARK: Several models of one file

    /// Writes the manifest of a model in Ollama's store. A larger `age` is older.
    /// - layers: kinds, and the letters that their digests consist of.
    private func writeManifest(_ name: String, age: Double, _ layers: [(kind: String, letter: Character)]) throws {
        let described = layers.map { kind, letter in
            #"{"mediaType":"application/vnd.ollama.image.\#(kind)","digest":"sha256:\#(String(repeating: letter, count: 64))"}"#
        }
        let path = try home.write(
            "{\"layers\":[\(described.joined(separator: ","))]}", to: ".ollama/models/manifests/registry.ollama.ai/library/\(name)")
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1e9 - age)], ofItemAtPath: path)
    }

    private func writeBlob(_ letter: Character, _ bytes: [UInt8]) throws {
        try home.write(bytes, to: ".ollama/models/blobs/sha256-\(String(repeating: letter, count: 64))")
    }

    /// Writes a plain model, a tag of the same weights, a copy of it, and variants with a prompt, another context and an adapter.
    private func writeFamily() throws {
        try writeBlob("a", GGUFFile.model().bytes)
        try writeBlob("b", Array("You are a pirate.".utf8))
        try writeBlob("c", Array(#"{"num_ctx":64}"#.utf8))
        try writeBlob("d", GGUFFile.adapter().bytes)
        try writeManifest("llama3.2/latest", age: 50, [("model", "a")])
        try writeManifest("llama3.2/3b", age: 60, [("model", "a")])
        try writeManifest("copy/latest", age: 10, [("model", "a")])
        try writeManifest("pirate/latest", age: 20, [("model", "a"), ("system", "b")])
        try writeManifest("small/latest", age: 30, [("model", "a"), ("params", "c")])
        try writeManifest("adapted/latest", age: 40, [("model", "a"), ("adapter", "d")])
    }

    @Test func ollamasModelsOfOneFileAreAllThere() throws {
        try writeFamily()
        let records = byName()
        #expect(Set(records.keys) == ["llama3.2", "llama3.2:3b", "copy", "pirate", "small", "adapted"])
        #expect(records.values.allSatisfy(\.isUsable) && Set(records.values.map(\.path)).count == 1)
        #expect(records.mapValues(\.hints.system).filter { !$0.value.isEmpty } == ["pirate": "You are a pirate."])
        #expect(records["small"]?.hints.contextLength == 64)
        #expect(records["adapted"]?.adapters.map(\.name) == ["ollama"] && records["copy"]?.adapters.isEmpty == true)
        let catalog = ModelCatalog(records: scan())
        for name in records.keys { #expect(catalog.resolve(name)?.id == name) }
    }

    @Test func whatIsLoadedAlikeIsOneInMemory() throws {
        try writeFamily()
        let variant = ModelVariant(name: "captain", base: "pirate", sharesEngine: true)
        let alone = ModelVariant(name: "alone", base: "copy", sharesEngine: false)
        func engines(_ catalog: ModelCatalog) -> [String: String] {
            Dictionary(uniqueKeysWithValues: catalog.records.map { ($0.id, $0.loaded.id) })
        }
        // The oldest name identifies the engine.
        #expect(
            engines(ModelCatalog(records: scan(), variants: [variant, alone])) == [
                "llama3.2:3b": "llama3.2:3b", "llama3.2": "llama3.2:3b", "copy": "llama3.2:3b", "pirate": "llama3.2:3b", "captain": "llama3.2:3b",
                "small": "small", "adapted": "adapted", "alone": "alone",
            ])
        let separate = ModelCatalog(records: scan(), loadsAlone: { $0.id == "llama3.2:3b" })
        #expect(engines(separate)["llama3.2:3b"] == "llama3.2:3b" && engines(separate)["copy"] == "llama3.2")
        let pirate = try #require(separate.resolve("pirate")?.loaded)
        #expect(pirate.id == "llama3.2" && pirate.engineOf == nil && pirate.hints.system == "You are a pirate.")
        try FileManager.default.removeItem(atPath: home.path + "/.ollama/models/manifests/registry.ollama.ai/library/llama3.2")
        #expect(engines(ModelCatalog(records: scan()))["copy"] == "pirate")
    }

    /// A manifest is one model even if it is found through several links, and a link to a blob is not another model.
    @Test func linksToOllamasStoreMakeNoMoreModels() throws {
        try writeBlob("a", GGUFFile.model().bytes)
        try writeManifest("one/latest", age: 2, [("model", "a")])
        try writeManifest("two/latest", age: 1, [("model", "a")])
        let blob = home.path + "/.ollama/models/blobs/sha256-\(String(repeating: "a", count: 64))"
        try home.link(".lmstudio/models/ollama/one/one.gguf", to: blob)
        #expect(scan().map(\.id) == ["one", "two"])
    }

    // MARK: Several files with one name

    @Test func whatCannotBeLoadedTakesNoName() throws {
        let hub = ".cache/huggingface/hub/models--user--repo/snapshots/1"
        var projector = GGUFFile.model(architecture: "clip")
        projector.add("general.type", "mmproj")
        try home.write(projector.bytes, to: "\(hub)/mmproj-qwen-f16.gguf")
        try home.write(GGUFFile.model().bytes, to: "\(hub)/qwen-f16.gguf")
        try home.write(Array(GGUFFile.model().bytes.prefix(100)), to: "data/models/Tiny.gguf")
        try home.write(GGUFFile.model(context: 9).bytes, to: ".lmstudio/models/Tiny.gguf")
        let records = byName()
        #expect(Set(records.keys) == ["user/repo:F16", "user/repo:F16@huggingface", "Tiny", "Tiny@shimmy"])
        #expect(records["user/repo:F16"]?.kind == .model && records["user/repo:F16@huggingface"]?.kind == .projector)
        #expect(records["Tiny"]?.source == .lmStudio && records["Tiny@shimmy"]?.problem != nil)
        #expect(ModelCatalog(records: scan()).resolve("Tiny")?.isUsable == true)
    }

    // MARK: Several snapshots

    @Test func filesOfAllSnapshotsAreThere() throws {
        let hub = ".cache/huggingface/hub/models--user--Repo"
        func write(_ revision: String, _ name: String, context: UInt32) throws {
            try home.write(GGUFFile.model(context: context).bytes, to: "\(hub)/snapshots/\(revision)/\(name)")
        }
        try write("old", "Repo-Q4_K_M.gguf", context: 101)
        try write("old", "Repo-Q8_0.gguf", context: 102)
        try write("old", "sub/Repo-Q8_0.gguf", context: 103)
        try write("new", "Repo-Q8_0.gguf", context: 202)
        for part in 1...2 { try write("old", "Big-Q5_K_M-0000\(part)-of-00002.gguf", context: 104) }
        try write("new", "Big-Q5_K_M-00001-of-00002.gguf", context: 204)
        try home.write("new", to: "\(hub)/refs/main")
        let found = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0.contextLength) })
        #expect(
            found == [
                "user/Repo:Q8_0": 202, "user/Repo:Q4_K_M": 101, "user/Repo:Q8_0@huggingface": 103,
                // A complete model in one snapshot takes precedence over an incomplete one in another.
                "user/Repo:Q5_K_M": 104,
            ])
        #expect(scan().allSatisfy { $0.isUsable })
        // The newest snapshot is used if the revision is unknown.
        try home.write("gone", to: "\(hub)/refs/main")
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: home.path + "/\(hub)/snapshots/new")
        #expect(byName()["user/Repo:Q8_0"]?.contextLength == 102)
    }

    // MARK: Several projectors

    @Test func projectorsGoToTheModelsThatTheyWereMadeFor() throws {
        func model(_ name: String, width: UInt32) throws {
            var file = GGUFFile.model()
            file.add("llama.embedding_length", width)
            try home.write(file.bytes, to: "data/models/\(name).gguf")
        }
        func projector(_ name: String, _ key: String = "clip.vision.projection_dim", width: UInt32) throws {
            var file = GGUFFile.model(architecture: "clip")
            file.add(key, width)
            try home.write(file.bytes, to: "data/models/\(name).gguf")
        }
        try model("flat/small", width: 64)
        try model("flat/large", width: 128)
        try model("flat/text", width: 96)
        try projector("flat/mmproj-small", width: 64)
        try projector("flat/mmproj-large", "clip.audio.projection_dim", width: 128)
        // A projector with a width that does not match any model, as in older files.
        try model("old/one", width: 64)
        try model("old/two", width: 128)
        try projector("old/mmproj", width: 768)
        let projectors = byName().mapValues { $0.projector.map { ($0 as NSString).lastPathComponent } }
        #expect(projectors["small"] == "mmproj-small.gguf" && projectors["large"] == "mmproj-large.gguf")
        #expect(projectors["text"] == .some(nil))
        #expect(projectors["one"] == "mmproj.gguf" && projectors["two"] == "mmproj.gguf")
    }

    // MARK: Cached headers

    @Test func whatIsKnownOfAFileHoldsUntilItChanges() throws {
        let path = try home.write(GGUFFile.model(context: 100).bytes, to: "data/models/a.gguf")
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let date = try #require(attributes[.modificationDate] as? Date)
        // A file that changed less than three seconds ago is not cached.
        let later = Int(Date().timeIntervalSince1970) + 60
        func cachingScan() -> [ModelRecord] { KnownRecords.$now.withValue(later) { scan() } }
        for _ in 0..<2 { #expect(cachingScan().map(\.contextLength) == [100]) }
        // A file with the same size and modification date, in a later step of the file system's clock.
        let changed = Self.changeTime(path)
        repeat {
            try home.write(GGUFFile.model(context: 200).bytes, to: "data/models/a.gguf")
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        } while Self.changeTime(path) == changed
        #expect(cachingScan().map(\.contextLength) == [200])
        try FileManager.default.moveItem(atPath: path, toPath: home.path + "/data/models/b.gguf")
        #expect(cachingScan().map(\.id) == ["b"])
    }

    /// Returns the time of a file's last status change.
    private static func changeTime(_ path: String) -> [Int] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [] }
        #if canImport(Glibc)
            return [Int(status.st_ctim.tv_sec), Int(status.st_ctim.tv_nsec)]
        #else
            return [Int(status.st_ctimespec.tv_sec), Int(status.st_ctimespec.tv_nsec)]
        #endif
    }
}
