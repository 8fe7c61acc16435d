import ShimmyFormats
import ShimmyJSON
import ShimmyModels
import Testing

/// Sampling parameters that model files recommend.
@Suite struct RecommendedSamplingTests {
    private static func header(_ numbers: [String: Float], topK: UInt32? = nil) throws -> GGUFHeader {
        var file = GGUFFile()
        file.add("general.architecture", "llama")
        for (name, number) in numbers { file.metadata.append(("general.sampling.\(name)", 6, GGUFFile.little(number.bitPattern))) }
        if let topK { file.add("general.sampling.top_k", topK) }
        let folder = try TemporaryFolder()
        return try GGUFHeader.read(path: try folder.write(file.bytes, to: "model.gguf"))
    }

    @Test func filesSayIt() throws {
        let fields = RecommendedSampling.fields(try Self.header(["temp": 0.6, "top_p": 0.95, "penalty_repeat": 1.05], topK: 20))
        #expect(fields == ["temperature": 0.6, "top_p": 0.95, "top_k": 20, "repeat_penalty": 1.05])
        #expect(try RecommendedSampling.fields(Self.header([:])).isEmpty)
    }

    @Test func whatNoRequestCouldSayIsLeftOut() throws {
        #expect(try RecommendedSampling.fields(Self.header(["temp": .nan, "top_p": 7, "min_p": -.infinity, "penalty_repeat": 0])).isEmpty)
        #expect(RecommendedSampling.fields(generationConfig: ["temperature": "hot", "top_k": 1e300, "top_p": []]).isEmpty)
    }

    @Test func foldersSayIt() {
        let fields = RecommendedSampling.fields(generationConfig: ["do_sample": true, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.1])
        #expect(fields == ["temperature": 0.7, "top_k": 20, "repeat_penalty": 1.1])
    }

    @Test func theDefaultModelHasAPreset() {
        #expect(RecommendedSampling.fields(named: "SmolLM2-135M-Instruct.Q4_1.gguf") == ["temperature": 0.2, "top_p": 0.5])
        #expect(RecommendedSampling.fields(named: "SmolLM2-360M-Instruct.gguf") == ["temperature": 0.2, "top_p": 0.9])
        #expect(RecommendedSampling.fields(named: "SmolLM2-135M.Q4_1.gguf").isEmpty && RecommendedSampling.fields(named: "other").isEmpty)
    }
}
