import ShimmyModels
import Testing

@Suite struct ModelCatalogTests {
    private func record(_ id: String, quantization: String? = nil, problem: String? = nil) -> ModelRecord {
        var record = ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [], problem: problem)
        record.quantization = quantization
        return record
    }

    private var catalog: ModelCatalog {
        ModelCatalog(records: [
            record("SmolLM2-135M-Instruct.Q4_1", quantization: "Q4_1"), record("user/Repo:Q4_K_M", quantization: "Q4_K_M"),
            record("user/Repo:Q8_0", quantization: "Q8_0"), record("llama3.2"), record("someone/model:7b", quantization: "Q4_0"),
            record("other/Thing-Q5_K_M", quantization: "Q5_K_M"), record("twice", problem: "cut"), record("x/twice"),
        ])
    }

    @Test(arguments: [
        ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct.Q4_1"), ("smollm2-135m-instruct.q4_1", "SmolLM2-135M-Instruct.Q4_1"),
        ("SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1"), ("llama3.2:latest", "llama3.2"), ("hf.co/user/Repo:Q8_0", "user/Repo:Q8_0"),
        ("Thing", "other/Thing-Q5_K_M"), ("other/thing", "other/Thing-Q5_K_M"), ("model:7b", "someone/model:7b"), ("Repo:q8_0", "user/Repo:Q8_0"),
        ("twice", "twice"), ("SmolLM2-135M-Instruct:Q4_1", "SmolLM2-135M-Instruct.Q4_1"), ("other/Thing:Q5_K_M", "other/Thing-Q5_K_M"),
        ("thing:q5_k_m", "other/Thing-Q5_K_M"),
    ])
    func namesLeadToModels(name: String, id: String) { #expect(catalog.resolve(name)?.id == id) }

    @Test(arguments: ["user/Repo", "Repo", "", "gpt-4o", "SmolLM2", "/SmolLM2-135M-Instruct.Q4_1", "../llama3.2", "7b", "hf.co/"])
    func otherNamesLeadNowhere(name: String) { #expect(catalog.resolve(name) == nil) }

    @Test func namesOfSeveralModelsLeadToAllOfThem() {
        #expect(catalog.candidates(for: "user/Repo").map(\.id) == ["user/Repo:Q4_K_M", "user/Repo:Q8_0"])
        #expect(catalog.candidates(for: "repo").map(\.id) == ["user/Repo:Q4_K_M", "user/Repo:Q8_0"])
        #expect(["gpt-4o", "", "llama3.2", "Thing"].allSatisfy { catalog.candidates(for: $0).isEmpty })
        // An unusable file is considered only if there is no other.
        let files = ModelCatalog(records: [
            record("a.Q4_0"), record("a-Q4_0"), record("b.Q4_0", problem: "cut"), record("b-Q4_0"), record("x/c", problem: "cut"),
            record("y/c", problem: "cut"),
        ])
        #expect(files.resolve("b:5") == nil && files.resolve("a:Q4_0") == nil && files.candidates(for: "a:Q4_0").map(\.id) == ["a-Q4_0", "a.Q4_0"])
        #expect(files.resolve("b:q4_0")?.id == "b-Q4_0" && files.candidates(for: "b:Q4_0").isEmpty)
        #expect(files.candidates(for: "c").map(\.id) == ["x/c", "y/c"])
    }

    @Test func aliasesLeadToModels() {
        let catalog = ModelCatalog(
            records: catalog.records,
            aliases: [
                "small": "smollm2-135m-instruct", "tiny": "small", "Llama3.2": "user/Repo:Q8_0", "a": "b", "b": "a", "many": "user/Repo", "x": "gone",
            ]
        )
        #expect(catalog.resolve("Small:latest")?.id == "SmolLM2-135M-Instruct.Q4_1")
        #expect(catalog.resolve("tiny")?.id == "SmolLM2-135M-Instruct.Q4_1")
        #expect(catalog.resolve("SMOLLM2-135M-Instruct").map(catalog.aliases) == ["small", "tiny"])
        // A model's own name takes precedence over an alias. Circular and dangling aliases are reported.
        #expect(catalog.resolve("LLAMA3.2")?.id == "llama3.2")
        #expect(["a", "b", "many", "x"].allSatisfy { catalog.resolve($0) == nil })
        #expect(catalog.aliasProblems["a"] == "it refers to itself")
        #expect(catalog.aliasProblems["Llama3.2"] == "a model has that name")
        #expect(catalog.aliasProblems.keys.sorted() == ["Llama3.2", "a", "b", "many", "x"])
    }

    @Test func otherNamesOfClaudeLeadToOneModel() {
        func catalog(_ claudeModel: String?) -> ModelCatalog {
            ModelCatalog(
                records: self.catalog.records + [record("claude-like")], aliases: ["claude-haiku-4": "user/Repo:Q8_0", "many": "user/Repo"],
                claudeModel: claudeModel)
        }
        let names = ["claude-sonnet-9", "Claude-Opus-1:latest", "claude-haiku-4", "claude-like", "claude", "sonnet-9", "gpt-4o"]
        #expect(names.map { catalog("llama3.2").resolve($0)?.id } == ["llama3.2", "llama3.2", "user/Repo:Q8_0", "claude-like", nil, nil, nil])
        #expect(catalog(nil).resolve("claude-sonnet-9") == nil && catalog(nil).aliasProblems["claude-*"] == nil)
        for target in ["gone", "claude-gone", "user/Repo"] {
            #expect(catalog(target).resolve("claude-sonnet-9") == nil)
            #expect(catalog(target).aliasProblems["claude-*"] == "it refers to \(target), which is not the name of exactly one model")
        }
    }

    @Test func variantsStandOnModels() throws {
        let catalog = ModelCatalog(
            records: catalog.records, aliases: ["captain": "pirate", "small": "smollm2-135m-instruct"],
            variants: [
                ModelVariant(name: "pirate", base: "small", sharesEngine: true),
                ModelVariant(name: "long", base: "llama3.2", sharesEngine: false), ModelVariant(name: "nobody", base: "gone", sharesEngine: true),
                ModelVariant(name: "llama3.2", base: "user/Repo:Q8_0", sharesEngine: true),
            ])
        let pirate = try #require(catalog.resolve("captain"))
        #expect(pirate.id == "pirate")
        #expect(pirate.base == "SmolLM2-135M-Instruct.Q4_1")
        #expect(pirate.loaded == catalog.resolve("SmolLM2-135M-Instruct"))
        #expect(catalog.resolve("long")?.loaded.id == "long")
        #expect(catalog.resolve("nobody") == nil)
        #expect(catalog.resolve("llama3.2")?.base == nil)
    }

    @Test func filesAreFoundByTheirPath() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(GGUFFile.model().bytes, to: "My Model.Q4_1.gguf")
        #expect(ModelCatalog.record(forFile: path)?.id == "My Model.Q4_1")
        #expect(ModelCatalog.record(forFile: folder.path + "/absent.gguf") == nil)
        #expect(ModelCatalog.record(forFile: folder.path) == nil)
    }
}
