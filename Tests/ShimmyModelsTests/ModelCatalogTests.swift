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
        ("twice", "twice"),
    ])
    func namesLeadToModels(name: String, id: String) { #expect(catalog.resolve(name)?.id == id) }

    @Test(arguments: ["user/Repo", "Repo", "", "gpt-4o", "SmolLM2", "/SmolLM2-135M-Instruct.Q4_1", "../llama3.2", "7b", "hf.co/"])
    func otherNamesLeadNowhere(name: String) { #expect(catalog.resolve(name) == nil) }

    @Test func filesAreFoundByTheirPath() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(GGUFFile.model().bytes, to: "My Model.Q4_1.gguf")
        #expect(ModelCatalog.record(forFile: path)?.id == "My Model.Q4_1")
        #expect(ModelCatalog.record(forFile: folder.path + "/absent.gguf") == nil)
        #expect(ModelCatalog.record(forFile: folder.path) == nil)
    }
}
