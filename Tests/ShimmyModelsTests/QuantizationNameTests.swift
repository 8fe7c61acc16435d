import ShimmyFormats
import ShimmyModels
import Testing

@Suite struct QuantizationNameTests {
    @Test(arguments: [
        ("model.Q4_K_M", "Q4_K_M"), ("model-q4_k_m", "Q4_K_M"), ("model_Q4_K_M", "Q4_K_M"), ("user/repo:q4_k_m", "Q4_K_M"), ("Q4_K_M", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL", "UD-Q4_K_XL"), ("Qwen3-8B-UD-IQ2_XXS", "UD-IQ2_XXS"), ("user/repo:UD-Q8_K_XL", "UD-Q8_K_XL"),
        ("model-Q2_K_XL", "Q2_K_XL"), ("model-Q5_K_XL", "Q5_K_XL"), ("model-Q6_K_XL", "Q6_K_XL"), ("model-Q8_K_XL", "Q8_K_XL"),
        ("model-Q6_K_L", "Q6_K_L"), ("gpt-oss-20b-mxfp4", "MXFP4"), ("model-MXFP4_MOE", "MXFP4_MOE"), ("model-TQ1_0", "TQ1_0"),
        ("Phi-3-mini-4k-instruct-fp16", "FP16"), ("Phi-3-mini-4k-instruct-q4", "Q4"), ("model.bf16", "BF16"), ("model-F32", "F32"),
        ("a very long name of a model that says a lot-IQ4_NL", "IQ4_NL"),
    ])
    func endingsAreRead(name: String, quantization: String) { #expect(QuantizationName.ending(name) == quantization) }

    @Test(arguments: ["", "model", "llama-3.2", "model-Q4_0_4_4", "model-Q4_K_M-imatrix", "modelQ4_K_M", "q", "-", "UD-", "model-UD", "Q9_K"])
    func otherEndingsAreNone(name: String) { #expect(QuantizationName.ending(name) == nil) }

    @Test func sixteenBitsAreWide() {
        #expect(["F16", "FP16", "BF16", "F32", "FP32"].allSatisfy(QuantizationName.isWide))
        #expect(!["Q8_0", "UD-Q8_K_XL", "Q4", "MXFP4"].contains(where: QuantizationName.isWide))
    }

    @Test func aFolderTellsWhatTheNameDoesNot() {
        #expect(FileName("model.gguf", in: "Q4_K_M")?.quantization == "Q4_K_M")
        #expect(FileName("model-00001-of-00002.gguf", in: "ud-q2_k_xl")?.quantization == "UD-Q2_K_XL")
        #expect(FileName("model-Q8_0.gguf", in: "Q4_K_M")?.quantization == "Q8_0")
        // The name of a folder for another purpose is ignored, even if it ends with a quantization.
        #expect(FileName("model.gguf", in: "Repo-Q4_K_M")?.quantization == nil)
        #expect(FileName("model.gguf")?.quantization == nil)
    }

    @Test func pulledModelsAreCalledByTheirQuantization() throws {
        let home = try TemporaryFolder()
        let files = ["Repo-UD-Q4_K_XL.gguf", "Repo-fp16.gguf", "Repo_Q5_K_M.gguf", "Q2_K/model.gguf", "plain.gguf"]
        for name in files { try home.write(GGUFFile.model().bytes, to: "data/models/user/Repo/\(name)") }
        let directories = Directories.standard(environment: ["SHIMMY_DATA_DIR": home.path + "/data"], home: home.path)
        let records = ModelDiscovery(directories: directories, extraDirectories: [], environment: [:], home: home.path).scan()
        let names = files.map { records.found(at: "\(home.path)/data/models/user/Repo/\($0)")?.id }
        #expect(names == ["user/Repo:UD-Q4_K_XL", "user/Repo:FP16", "user/Repo:Q5_K_M", "user/Repo:Q2_K", "user/Repo/plain"])
        #expect(records.found(at: home.path + "/data/models/user/Repo/none.gguf") == nil)
    }

    @Test func theirQuantizationMayBeLeftOut() {
        var record = ModelRecord(id: "user/Repo:UD-Q4_K_XL", path: "/m", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [])
        record.quantization = "Q4_K_M"
        let catalog = ModelCatalog(records: [record])
        #expect(["user/repo", "repo", "user/Repo:ud-q4_k_xl"].allSatisfy { catalog.resolve($0) != nil })
        #expect(catalog.resolve("user/Repo:Q8_0") == nil)
    }
}
