import Foundation
import ShimmyJSON
import ShimmyModels
import Testing

/// Models that clients create on top of others, and the digests of models.
@Suite struct CreatedModelTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var file: CreatedModelFile { CreatedModelFile(directory: folder.path) }

    private static func model(_ name: String = "ada", base: String = "small", context: Int? = nil, template: String? = nil) -> CreatedModel {
        var hints = ModelHints()
        hints.system = "You are Ada."
        hints.messages = [.init(role: "user", content: "Hi")]
        hints.defaults = ["temperature": 0.5]
        hints.contextLength = context
        return CreatedModel(name: name, base: base, hints: hints, template: template, license: "mit", created: 5)
    }

    private static func record(_ id: String = "small", modified: Int = 1) -> ModelRecord {
        var record = ModelRecord(id: id, path: "/\(id).gguf", source: .shimmy, kind: .model, sizeBytes: 9, modified: modified, shards: [])
        record.architecture = "llama"
        return record
    }

    // MARK: The file

    @Test func modelsAreReadAsTheyWereWritten() throws {
        #expect(file.models.isEmpty)
        let models = [Self.model(context: 512, template: "{{ messages }}"), Self.model("user/b:q4")]
        for model in models { try file.set(model) }
        #expect(file.models == models)
        let permissions = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(permissions == 0o600)
        try file.set(Self.model(base: "other"))
        #expect(file.models.map(\.base) == ["other", "small"])
        #expect(try file.remove("ada"))
        #expect(try !file.remove("ada"))
        #expect(file.models == [models[1]])
    }

    @Test(arguments: ["", "../x", "a b", "-a", String(repeating: "a", count: 201)]) func otherNamesAreRefused(name: String) {
        #expect(throws: AliasFile.Refusal.self) { try file.set(Self.model(name)) }
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test func aLargeModelIsRefused() {
        var model = Self.model()
        model.hints.system = String(repeating: "a", count: 1 << 20)
        let refusal = #expect(throws: AliasFile.Refusal.self) { try file.set(model) }
        #expect(refusal?.description.contains("1048576 bytes") == true)
    }

    @Test(arguments: ["{", "[]"]) func aDamagedFileIsNotOverwritten(text: String) throws {
        try folder.write(text, to: "models.json")
        #expect(throws: AliasFile.Refusal.self) { try file.set(Self.model()) }
        #expect(throws: AliasFile.Refusal.self) { try file.remove("ada") }
        #expect(file.models.isEmpty && FileManager.default.contents(atPath: file.path) == Data(text.utf8))
    }

    @Test func strangeEntriesAreSkipped() throws {
        try folder.write(#"{"a": 1, "b": {"base": 2}, "c": {"base": "small", "messages": [1, {"role": "user"}], "context": -1}}"#, to: "models.json")
        #expect(file.models.map(\.name) == ["c"])
        #expect(file.models.first?.hints == ModelHints())
    }

    @Test func unfinishedFilesAreRemoved() throws {
        try file.set(Self.model(base: "sha256-1"))
        for name in ["models.json.5.partial", "models.json.txt", "aliases.json.5.partial"] { try folder.write("{", to: name) }
        file.clean()
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(left == ["aliases.json.5.partial", "models.json", "models.json.txt"])
        #expect(try file.bases() == ["sha256-1"])
        try folder.write("[]", to: "models.json")
        #expect(throws: AliasFile.Refusal.self) { try file.bases() }
    }

    // MARK: The catalog

    @Test func hiddenWeightsHaveTheNamesOfTheirModels() throws {
        for model in [Self.model("eve", base: "sha256-1"), Self.model(base: "sha256-1"), Self.model("long", base: "sha256-1", context: 512)] {
            try file.set(model)
        }
        var plain = Self.model("plain", base: "sha256-1")
        (plain.hints, plain.license) = (ModelHints(), nil)
        try file.set(plain)
        var weights = Self.record("sha256-1")
        weights.isHidden = true
        let catalog = ModelCatalog(
            records: [weights, Self.record()], aliases: ["a": "ada"],
            variants: file.variants + [ModelVariant(name: "pirate", base: "ada", sharesEngine: true)])
        #expect(catalog.records.map(\.id) == ["ada", "eve", "long", "pirate", "plain", "small"])
        #expect(catalog.records.map(\.engineOf) == ["eve", nil, nil, "eve", "eve", nil])
        #expect(catalog.records.map(\.base) == [nil, nil, nil, "ada", nil, nil] && catalog.records.allSatisfy { !$0.isHidden })
        #expect(catalog.resolve("a")?.creation?.name == "ada" && catalog.resolve("sha256-1") == nil)
        #expect(catalog.resolve("plain")?.digest == weights.digest && catalog.resolve("ada")?.digest != weights.digest)
    }

    @Test func theWeightsOfCreatedModelsAreHidden() throws {
        try folder.write(GGUFFile.model().bytes, to: "data/models/.weights/sha256-1/sha256-1.gguf")
        try folder.write(GGUFFile.model().bytes, to: "data/models/seen.gguf")
        let directories = Directories.standard(environment: ["SHIMMY_DATA_DIR": folder.path + "/data"], home: folder.path)
        let records = ModelDiscovery(directories: directories, extraDirectories: [], environment: [:], home: folder.path).scan()
        #expect(records.map(\.id) == ["seen", "sha256-1"] && records.map(\.isHidden) == [false, true])
    }

    @Test func aModelDoesNotStandOnASimilarBase() throws {
        try file.set(Self.model())
        let catalog = ModelCatalog(records: [Self.record("small-Q4_0")], variants: file.variants)
        #expect(catalog.records.map(\.id) == ["small-Q4_0"] && catalog.resolve("small")?.id == "small-Q4_0")
    }

    @Test func aModelStandsOnItsBase() throws {
        try file.set(Self.model())
        try file.set(Self.model("long", context: 512))
        try file.set(Self.model("nobody", base: "gone"))
        try file.set(Self.model("SMALL"))
        let catalog = ModelCatalog(records: [Self.record()], aliases: ["a": "ada"], variants: file.variants)
        #expect(catalog.records.map(\.id) == ["ada", "long", "small"])
        let ada = try #require(catalog.resolve("a"))
        #expect(ada.base == "small" && ada.creation == Self.model() && ada.engineOf == "small")
        #expect(ada.loaded == Self.record())
        #expect(catalog.resolve("long")?.engineOf == nil)
    }

    @Test func settingsAreAddedToThoseOfAnotherCreatedModel() {
        var hints = ModelHints()
        hints.defaults = ["top_p": 0.9]
        hints.contextLength = 64
        let model = CreatedModel(name: "eve", base: "ada", hints: hints, created: 7).over(Self.model())
        #expect(model.name == "eve" && model.base == "small" && model.created == 7 && model.license == "mit")
        #expect(model.hints.system == "You are Ada." && model.hints.messages.count == 1 && model.hints.contextLength == 64)
        #expect(model.hints.defaults == ["temperature": 0.5, "top_p": 0.9])
    }

    // MARK: Parameters

    @Test func ollamasParametersHaveShimmysNames() {
        var hints = ModelHints()
        let unknown = hints.add(ollamaParameters: [
            "num_ctx": 512, "num_predict": 5, "stop": "a", "repeat_last_n": -1, "temperature": 0.5, "num_thread": 2, "wrong": 1,
        ])
        #expect(unknown == ["num_thread", "wrong"] && hints.contextLength == 512)
        #expect(hints.defaults == ["max_completion_tokens": 5, "stop": ["a"], "repeat_last_n": 65536, "temperature": 0.5])
    }

    // MARK: Digests

    @Test func aDigestBelongsToAVersionOfAModel() throws {
        let digest = Self.record().digest
        #expect(digest.count == 64 && digest.allSatisfy { $0.isHexDigit })
        #expect(Self.record("other").digest == digest)
        #expect(Self.record(modified: 2).digest != digest)
        let models = [Self.model(), Self.model("eve")]
        let variants = models.map { ModelVariant(name: $0.name, base: $0.base, sharesEngine: true, creation: $0) }
        let catalog = ModelCatalog(records: [Self.record()], variants: variants)
        let created = try #require(catalog.resolve("ada"))
        #expect(created.digest != digest && catalog.resolve("eve")?.digest == created.digest)
    }

    @Test func ollamasModelsHaveTheDigestsOfTheirManifests() throws {
        let blob = String(repeating: "a", count: 64)
        let manifest = #"{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:\#(blob)"}]}"#
        try folder.write(GGUFFile.model().bytes, to: ".ollama/models/blobs/sha256-\(blob)")
        try folder.write(manifest, to: ".ollama/models/manifests/registry.ollama.ai/library/ada/latest")
        let directories = Directories.standard(environment: ["SHIMMY_DATA_DIR": folder.path + "/data"], home: folder.path)
        let records = ModelDiscovery(directories: directories, extraDirectories: [], environment: [:], home: folder.path).scan()
        // The SHA-256 of the text above.
        #expect(records.map(\.digest) == ["755ca7272dc9791d956891d3f79d9eecc4513a4fd39fa423053780568e0f55c8"])
    }
}
