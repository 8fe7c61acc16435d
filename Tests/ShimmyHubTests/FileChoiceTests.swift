import ShimmyHub
import Testing

/// The choice of files from listings of the kind that the hub returns.
@Suite struct FileChoiceTests {
    private func file(_ path: String, gigabytes: Double = 1) -> HubFile {
        HubFile(path: path, size: Int(gigabytes * 1e9), hash: .sha256(path))
    }

    private func choose(_ address: String, _ files: [HubFile], memory: Int? = nil) throws -> [String] {
        try FileChoice.choose(try HubAddress(address), from: files, memory: memory).files.map(\.path)
    }

    /// unsloth/Qwen3-8B-GGUF, abridged.
    private var unsloth: [HubFile] {
        [
            file("Qwen3-8B-BF16.gguf", gigabytes: 16.4), file("Qwen3-8B-IQ4_XS.gguf", gigabytes: 4.6), file("Qwen3-8B-Q4_K_M.gguf", gigabytes: 5),
            file("Qwen3-8B-Q8_0.gguf", gigabytes: 8.7), file("Qwen3-8B-UD-IQ1_S.gguf", gigabytes: 2.3),
            file("Qwen3-8B-UD-Q4_K_XL.gguf", gigabytes: 5.1), file("Qwen3-8B-UD-Q8_K_XL.gguf", gigabytes: 10.8),
            file("config.json", gigabytes: 0), file("imatrix_unsloth.gguf", gigabytes: 0.01), file("README.md", gigabytes: 0),
        ]
    }

    @Test func unslothsNamesAreQuantizations() throws {
        let quantizations = FileChoice.all(in: unsloth).map(\.quantization)
        #expect(quantizations == ["UD-IQ1_S", "IQ4_XS", "Q4_K_M", "UD-Q4_K_XL", "Q8_0", "UD-Q8_K_XL", "BF16"])
        #expect(try choose("unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", unsloth) == ["Qwen3-8B-UD-Q4_K_XL.gguf"])
        #expect(try choose("unsloth/Qwen3-8B-GGUF:ud-q4_k_xl", unsloth) == ["Qwen3-8B-UD-Q4_K_XL.gguf"])
        #expect(try choose("unsloth/Qwen3-8B-GGUF:Q4_K_XL", unsloth) == ["Qwen3-8B-UD-Q4_K_XL.gguf"])
        #expect(try choose("unsloth/Qwen3-8B-GGUF:IQ1_S", unsloth) == ["Qwen3-8B-UD-IQ1_S.gguf"])
    }

    @Test func theUsualQuantizationIsTakenWhereItFits() throws {
        #expect(try choose("unsloth/Qwen3-8B-GGUF", unsloth) == ["Qwen3-8B-Q4_K_M.gguf"])
        let small = try #require(FileChoice.all(in: unsloth).first { $0.quantization == "IQ4_XS" })
        #expect(try choose("unsloth/Qwen3-8B-GGUF", unsloth, memory: small.memoryBytes) == ["Qwen3-8B-IQ4_XS.gguf"])
        #expect(throws: HubError.self) { try choose("unsloth/Qwen3-8B-GGUF", unsloth, memory: 1_000_000) }
    }

    @Test func theBestOfAtMostEightBitsIsTakenElse() throws {
        let files = unsloth.filter { $0.path != "Qwen3-8B-Q4_K_M.gguf" && !$0.path.contains("UD-Q8") }
        #expect(try choose("unsloth/Qwen3-8B-GGUF", files) == ["Qwen3-8B-Q8_0.gguf"])
    }

    /// microsoft/Phi-3-mini-4k-instruct-gguf.
    @Test func sixteenBitsAreNotTakenForABareNumberOfBits() throws {
        let files = [file("Phi-3-mini-4k-instruct-fp16.gguf", gigabytes: 7.6), file("Phi-3-mini-4k-instruct-q4.gguf", gigabytes: 2.4)]
        #expect(FileChoice.all(in: files).map(\.quantization) == ["Q4", "FP16"])
        #expect(try choose("microsoft/Phi-3-mini-4k-instruct-gguf", files) == ["Phi-3-mini-4k-instruct-q4.gguf"])
        #expect(try choose("microsoft/Phi-3-mini-4k-instruct-gguf:fp16", files) == ["Phi-3-mini-4k-instruct-fp16.gguf"])
    }

    @Test func whatTellsNothingComesBeforeSixteenBits() throws {
        let files = [file("model.gguf", gigabytes: 4), file("model-f16.gguf", gigabytes: 8), file("model-f32.gguf", gigabytes: 16)]
        #expect(try choose("maker/model", files) == ["model.gguf"])
        #expect(try choose("maker/model", Array(files.dropFirst())) == ["model-f16.gguf"])
        #expect(try choose("maker/model", files + [file("model_Q5_K_M.gguf", gigabytes: 3)]) == ["model_Q5_K_M.gguf"])
    }

    @Test func safeTensorsAreTakenOnlyWithoutGGUF() throws {
        let weights = [file("config.json", gigabytes: 0), file("tokenizer.json", gigabytes: 0), file("model.safetensors", gigabytes: 16)]
        #expect(try choose("maker/mixed", weights + [file("mixed-Q8_0.gguf", gigabytes: 8)]) == ["mixed-Q8_0.gguf"])
        #expect(try choose("maker/mixed", weights + [file("mixed-F16.gguf", gigabytes: 16)]) == ["mixed-F16.gguf"])
        #expect(try choose("maker/plain", weights) == ["config.json", "tokenizer.json", "model.safetensors"])
        // A projector is not a model.
        #expect(try choose("maker/plain", weights + [file("mmproj-F16.gguf")]).last == "model.safetensors")
        // If the GGUF file does not fit into memory, the weights to convert are not chosen instead.
        let large = weights + [file("mixed-Q8_0.gguf", gigabytes: 900)]
        #expect(throws: HubError.self) { try choose("maker/mixed", large, memory: 100_000_000_000) }
    }

    /// mistralai/Mistral-7B-Instruct-v0.3.
    @Test func copiesForOtherProgramsStayThere() throws {
        let shards = (1...3).map { file("model-0000\($0)-of-00003.safetensors", gigabytes: 5) }
        let described = [file("config.json", gigabytes: 0), file("model.safetensors.index.json", gigabytes: 0)]
        let consolidated = [file("consolidated.safetensors", gigabytes: 15)]
        let all = described + consolidated + shards
        #expect(try choose("mistralai/Mistral-7B-Instruct-v0.3", all) == (described + shards).map(\.path))
        // Without an index, a single file contains all weights.
        let single = [described[0], file("model.safetensors", gigabytes: 5), file("model.fp16.safetensors", gigabytes: 5)] + consolidated
        #expect(try choose("maker/single", single) == ["config.json", "model.safetensors"])
        // Consolidated weights are chosen if there are no others.
        #expect(try choose("maker/only", [described[0]] + consolidated) == ["config.json", "consolidated.safetensors"])
    }

    @Test func foldersMayBeCalledByTheQuantization() throws {
        let parts = (1...2).map { file("Q4_K_M/DeepSeek-0000\($0)-of-00002.gguf", gigabytes: 20) }
        let files = parts + [file("Q8_0/DeepSeek.gguf", gigabytes: 70), file("UD-Q2_K_XL/DeepSeek-UD-Q2_K_XL.gguf", gigabytes: 30)]
        #expect(FileChoice.all(in: files).map(\.quantization) == ["UD-Q2_K_XL", "Q4_K_M", "Q8_0"])
        #expect(try choose("maker/DeepSeek", files.reversed()) == parts.map(\.path))
        #expect(try choose("maker/DeepSeek:q8_0", files) == ["Q8_0/DeepSeek.gguf"])
    }

    @Test func aPartThatIsMissingMakesNoModel() {
        #expect(FileChoice.all(in: [file("big-Q8_0-00001-of-00003.gguf"), file("big-Q8_0-00003-of-00003.gguf")]).isEmpty)
    }

    @Test func whatThereIsNotIsSaid() {
        #expect(throws: HubError.noQuantization("Q2_K", available: ["Q4_K_M", "Q8_0"])) {
            try choose("maker/model:Q2_K", [file("model-Q4_K_M.gguf"), file("model-Q8_0.gguf", gigabytes: 2)])
        }
        #expect(throws: HubError.notFound("maker/model/none.gguf")) { try choose("maker/model/none.gguf", [file("model-Q4_K_M.gguf")]) }
        #expect(throws: HubError.noModel("maker/model")) { try choose("maker/model", [file("README.md")]) }
    }
}
