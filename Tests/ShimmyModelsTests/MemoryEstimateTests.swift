import Foundation
import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyModels
import Testing

/// Comparison of estimates for models of several families with llama.cpp's numbers for files of the same shapes (`no_alloc`, 48 sequences).
@Suite struct MemoryEstimateTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var architecture = "llama"
        var (layers, width, hidden, heads, keptHeads, headWidth, vocabulary) = (0, 0, 0, 0, 0, 0, 0)
        var isTied = false
        var experts: (count: Int, used: Int, hidden: Int)?
        var extra: [String: UInt32] = [:]

        var testDescription: String { architecture }

        func header() throws -> GGUFHeader {
            var file = GGUFFile()
            file.add("general.architecture", architecture)
            let numbers = [
                "context_length": 32768, "embedding_length": width, "block_count": layers, "attention.head_count": heads,
                "attention.head_count_kv": keptHeads, "attention.key_length": headWidth, "attention.value_length": headWidth,
            ]
            for (key, number) in numbers { file.add("\(architecture).\(key)", UInt32(number)) }
            for (key, number) in extra { file.add("\(architecture).\(key)", number) }
            if let experts { file.add("\(architecture).expert_used_count", UInt32(experts.used)) }
            for (name, shape) in tensors { file.addTensor(name, shape) }
            return try MemoryEstimateTests.header(of: file)
        }

        private var tensors: [(String, [Int])] {
            var all = [("token_embd.weight", [width, vocabulary])] + (isTied ? [] : [("output.weight", [width, vocabulary])])
            for layer in 0..<layers {
                let block = "blk.\(layer)."
                all += [
                    (block + "attn_q.weight", [width, heads * headWidth]), (block + "attn_k.weight", [width, keptHeads * headWidth]),
                    (block + "attn_v.weight", [width, keptHeads * headWidth]), (block + "attn_output.weight", [heads * headWidth, width]),
                ]
                guard let experts else {
                    all += [(block + "ffn_gate.weight", [width, hidden]), (block + "ffn_up.weight", [width, hidden])]
                    all.append((block + "ffn_down.weight", [hidden, width]))
                    continue
                }
                for name in ["gate", "up"] { all.append((block + "ffn_\(name)_exps.weight", [width, experts.hidden, experts.count])) }
                all.append((block + "ffn_down_exps.weight", [experts.hidden, width, experts.count]))
            }
            return all
        }
    }

    private static func header(of file: GGUFFile) throws -> GGUFHeader {
        let folder = try TemporaryFolder()
        return try withExtendedLifetime(folder) { try GGUFHeader.read(path: try file.writeSparse(to: folder)) }
    }

    static let smol = Shape(
        layers: 30, width: 576, hidden: 1536, heads: 9, keptHeads: 3, headWidth: 64, vocabulary: 49152, isTied: true)
    static let llama8B = Shape(layers: 32, width: 4096, hidden: 14336, heads: 32, keptHeads: 8, headWidth: 128, vocabulary: 128256)
    static let qwen = Shape(
        architecture: "qwen2", layers: 24, width: 896, hidden: 4864, heads: 14, keptHeads: 2, headWidth: 64, vocabulary: 151936, isTied: true)
    static let gemma = Shape(
        architecture: "gemma3", layers: 34, width: 2560, hidden: 10240, heads: 8, keptHeads: 4, headWidth: 256, vocabulary: 262144, isTied: true,
        extra: ["attention.sliding_window": 1024])
    static let mixture = Shape(
        architecture: "qwen3moe", layers: 48, width: 2048, hidden: 6144, heads: 32, keptHeads: 4, headWidth: 128, vocabulary: 151936,
        experts: (128, 8, 768))

    /// - cache, step: the numbers that llama.cpp reports.
    @Test(arguments: [
        (smol, 512, 11_796_480, 10_323_072), (smol, 32768, 754_974_720, 26_844_096), (llama8B, 8192, 1_073_741_824, 73_145_280),
        (llama8B, 32768, 4_294_967_296, 87_301_056), (qwen, 8192, 100_663_296, 31_581_312), (qwen, 32768, 402_653_184, 39_820_224),
        (gemma, 8192, 1_140_850_688, 57_214_080), (gemma, 32768, 4_563_402_752, 84_356_544), (mixture, 8192, 805_306_368, 56_630_208),
    ])
    func familiesTakeWhatLlamaReckons(shape: Shape, context: Int, cache: Int, step: Int) throws {
        let use = MemoryEstimate(try shape.header()).use(contextLength: context, slots: 32)
        #expect(use.cache == cache)
        let estimated = use.compute - MemoryUse.handedOut(vocabulary: shape.vocabulary, outputs: 48)
        #expect(abs(Double(estimated - step)) <= 0.1 * Double(step), "estimated \(estimated), reckoned \(step)")
    }

    /// The estimate from the file size alone, for files that do not exist yet, is within 25% of the estimate from the header.
    @Test(arguments: [smol, llama8B, qwen, gemma, mixture]) func aSizeTellsRoughlyWhatAModelTakes(shape: Shape) throws {
        let header = try shape.header()
        let size = header.tensors.reduce(0) { $0 + $1.sizeBytes }
        let (rough, fine) = (MemoryEstimate(sizeBytes: size).use().total, MemoryEstimate(header).use().total)
        #expect(abs(Double(rough - fine)) <= 0.25 * Double(fine), "by its size \(rough), by its header \(fine)")
    }

    @Test func tiedEmbeddingsCountTwice() throws {
        let tied = try Self.smol.header()
        let table = 576 * 49152 * 20 / 32
        #expect(MemoryEstimate(tied).use().weights == tied.tensors.reduce(table) { $0 + $1.sizeBytes })
        let untied = try Self.llama8B.header()
        #expect(MemoryEstimate(untied).use().weights == untied.tensors.reduce(0) { $0 + $1.sizeBytes })
    }

    @Test func adaptersCountWhereThereAreAny() throws {
        let estimate = MemoryEstimate(try Self.smol.header())
        #expect(estimate.use(adapterBytes: 1000).total == estimate.use().total + 1000)
        var file = GGUFFile()
        file.add("general.architecture", "bert")
        file.add("bert.attention.causal", false)
        let encoder = MemoryEstimate(try Self.header(of: file))
        #expect(encoder.use(adapterBytes: 1000) == encoder.use())
    }

    @Test func theDefaultContextIsTheTrainedOneWhereItFits() throws {
        let header = try Self.llama8B.header()
        let estimate = MemoryEstimate(header)
        let trained = try #require(header.ofArchitecture("context_length")?.intValue)
        let whole = estimate.use(contextLength: trained).total
        #expect(estimate.defaultContextLength(within: whole) == trained)
        let chosen = try #require(estimate.defaultContextLength(within: whole - 1))
        #expect(chosen < trained && chosen >= 8192 && chosen.isMultiple(of: 1024))
        #expect(estimate.use(contextLength: chosen).total < whole)
        #expect(estimate.use(contextLength: chosen + 1024).total >= whole || chosen + 1024 > trained)
        // Without any free memory the model still gets the former default.
        #expect(estimate.defaultContextLength(within: 0) == 8192)
    }

    @Test func modelsThatMakeVectorsHaveNoDefaultHere() throws {
        var file = GGUFFile()
        file.add("general.architecture", "bert")
        file.add("bert.attention.causal", false)
        file.add("bert.context_length", UInt32(512))
        #expect(MemoryEstimate(try Self.header(of: file)).defaultContextLength(within: 1 << 40) == nil)
    }

    @Test func partsCountTogether() throws {
        let header = try Self.smol.header()
        let whole = MemoryEstimate(header).use()
        let split = MemoryEstimate(header, parts: [header]).use()
        #expect(split.weights - whole.weights == header.tensors.reduce(0) { $0 + $1.sizeBytes })
    }

    @Test func recurrentLayersKeepStatesOfSequencesAndNothingOfTokens() throws {
        var file = GGUFFile()
        file.add("general.architecture", "mamba")
        for (key, number) in ["embedding_length": 32, "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16] {
            file.add("mamba.\(key)", UInt32(number))
        }
        for layer in 0..<2 { file.addTensor("blk.\(layer).ssm_in.weight", [32, 128]) }
        let estimate = MemoryEstimate(try Self.header(of: file))
        let state = 4 * (3 * 64 + 16 * 64)
        #expect(estimate.use(contextLength: 1024, slots: 32).cache == 2 * 48 * state)
        #expect(estimate.use(contextLength: 4096, slots: 64).cache == 2 * 96 * state)
    }

    @Test func encodersKeepNothing() throws {
        var file = GGUFFile()
        file.add("general.architecture", "bert")
        file.add("bert.attention.causal", false)
        file.add("bert.embedding_length", UInt32(1024))
        file.addTensor("blk.0.attn_k.weight", [1024, 1024])
        file.addTensor("blk.0.ffn_up.weight", [1024, 4096])
        let use = MemoryEstimate(try Self.header(of: file)).use(contextLength: 512)
        #expect(use.cache == 0)
        let step = use.compute - MemoryUse.handedOut(vocabulary: 0, outputs: 512)
        #expect(abs(step - 15_210_752) < 1_500_000, "bge-large, as llama.cpp reckons it")
    }

    /// Absurd numbers in headers do not crash the process.
    @Test func absurdHeadersAreNumbersToo() throws {
        for architecture in ["llama", "rwkv7", "kimi-linear", "mamba2"] {
            var file = GGUFFile()
            file.add("general.architecture", architecture)
            for key in [
                "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length", "ssm.conv_kernel", "ssm.inner_size",
                "ssm.state_size", "ssm.group_count", "kda.head_dim", "attention.shared_kv_layers", "expert_used_count", "context_length",
            ] where architecture != "mamba2" || key != "kda.head_dim" { file.add("\(architecture).\(key)", UInt32.max) }
            if architecture == "rwkv7" { file.add("rwkv7.wkv.head_size", UInt32.max) }
            for layer in 0..<64 {
                file.addTensor("blk.\(layer).attn_qkv.weight", [32, 1 << 20])
                file.addTensor("blk.\(layer + 64).ssm_a.weight", [32, 1])
            }
            let use = MemoryEstimate(try Self.header(of: file)).use(contextLength: 1 << 24, slots: 256)
            #expect(use.total > 0)
        }
    }
}

/// Context lengths that a header may claim.
@Suite struct ClaimedContextTests {
    @Test(arguments: [Int.max, 1 << 40, EngineShape.mostContext + 1]) func noContextIsLongerThanTheLongest(length: Int) throws {
        let estimate = MemoryEstimate(sizeBytes: 1000, contextLength: length)
        #expect(try #require(estimate.defaultContextLength(within: .max)) == EngineShape.mostContext)
        #expect(estimate.use(contextLength: length).total > 0)
    }

    @Test(arguments: [Int.min, -1, 0]) func aContextThatIsNoneIsNotPlanned(length: Int) {
        #expect(MemoryEstimate(sizeBytes: 1000, contextLength: length).defaultContextLength(within: .max) == nil)
        #expect(MemoryEstimate(sizeBytes: .max, contextLength: length).use().total > 0)
    }
}
