import Foundation
import ShimmyFormats
import ShimmyModels
import ShimmyTestSupport
import Testing

/// Hostile headers: from the corpus, with random damage, and with claims that match the size of a sparse file.
@Suite struct HostileHeaderTests {
    private let folder: TemporaryFolder
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpus/gguf")

    init() throws { folder = try TemporaryFolder() }

    private static var seeds: [(name: String, bytes: [UInt8])] {
        get throws {
            try FileManager.default.contentsOfDirectory(at: corpus, includingPropertiesForKeys: nil).filter { $0.pathExtension == "gguf" }
                .sorted { $0.path() < $1.path() }.map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
        }
    }

    /// The expected refusal of each corpus file whose name begins with `bad-`.
    private static let reasons = [
        "alignment": "its alignment is not valid: 3", "big-endian": "it is for big-endian machines",
        "blocks": "is not a multiple of the block length of Q4_1",
        "count-wraps": "its header is truncated or damaged at byte 16", "counts": "its header is truncated or damaged at byte 16",
        "dimensions": "its tensor w has 9 dimensions", "empty-key": "an entry without a name",
        "epsilon": "its layer_norm_rms_epsilon is not valid: nan",
        "experts": "its number of used experts is not valid: 0 of 8", "key-twice": "the entry general.file_type twice",
        "layers": "its number of layers is not valid: 4294967295",
        "magic": "it is not a GGUF file", "nested-array": "an array of arrays",
        "no-tensors-there": "it is truncated: tensor w ends at byte 720, the file at 704",
        "offset-far": "it is truncated: tensor w", "offset-wraps": "its tensor w is impossibly large",
        "overlap": "its tensor n overlaps another tensor",
        "same-place": "overlaps another tensor", "shape-wraps": "its tensor w is impossibly large",
        "short": "it is too short for a GGUF file (8 bytes)",
        "string-length": "its header is truncated or damaged at byte 32", "tensor-twice": "the tensor w twice",
        "type": "its tensor w has the unknown type 77", "version": "its GGUF version is 9",
    ]

    @Test func theCorpusIsReadAsItsNamesSay() throws {
        let seeds = try Self.seeds
        let bad = seeds.filter { $0.name.hasPrefix("bad-") }
        #expect(bad.count == Self.reasons.count && seeds.count >= bad.count + 8)
        for (name, bytes) in seeds {
            let problem = ModelCatalog.record(forFile: try folder.write(bytes, to: name))?.problem
            guard name.hasPrefix("bad-") else {
                #expect(problem == nil, "\(name)")
                continue
            }
            let reason = try #require(Self.reasons[String(name.dropFirst(4).dropLast(".gguf".count))], "\(name)")
            #expect(problem?.contains(reason) == true, "\(name): \(problem ?? "none")")
        }
    }

    /// A total number of values that overflows `Int` is refused. The max number of tensors overlap in a huge sparse file.
    @Test func valuesThatNobodyCanCountAreRefused() throws {
        var file = GGUFFile()
        file.add("general.architecture", "llama")
        let count = UInt64((12 << 40) / 18 * 128)
        file.tensors = (0..<1 << 17).map { ("t\($0)", [count], 41, 0) }
        #expect(count.multipliedReportingOverflow(by: UInt64(file.tensors.count)).partialValue > UInt64(Int.max))
        let path = try folder.write(file.bytes, to: "values.gguf")
        // Not every file system supports this file size.
        guard truncate(path, 13 << 40) == 0 else { return }
        #expect(ModelCatalog.record(forFile: path)?.problem?.contains("overlaps another tensor") == true)
    }

    /// Damaged headers are read or refused, at a cost that is bounded by a multiple of the file size.
    @Test(arguments: 0..<8 as Range<UInt64>) func damagedHeadersAreReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var outcomes = (read: 0, refused: 0)
        for (name, sound) in try Self.seeds {
            for _ in 0..<60 {
                let bytes = Damage.apply(to: sound, using: &random)
                let path = try folder.write(bytes, to: name)
                guard let header = try? GGUFHeader.read(path: path) else {
                    outcomes.refused += 1
                    continue
                }
                outcomes.read += 1
                let kept = header.tensors.count * 24 + header.metadata.reduce(0) { $0 + $1.key.utf8.count + ($1.value.stringValue?.utf8.count ?? 0) }
                #expect(kept <= bytes.count * 3)
                // All queries of a header after reading.
                _ = (header.quantization, header.parameterCount, ModelCatalog.record(forFile: path), AdapterPlanProbe.ask(path))
            }
        }
        #expect(outcomes.read > 20 && outcomes.refused > 100)
    }

    /// Claims that fit into a sparse file of 1 GB are not believed either.
    @Test func aSparseFileMakesNoClaimBelievable() throws {
        func failure(_ file: GGUFFile) throws -> String {
            let path = try folder.write(file.bytes, to: "sparse.gguf")
            #expect(truncate(path, 1 << 30) == 0)
            return try #require(#expect(throws: FormatError.self) { try GGUFHeader.read(path: path) }).description
        }
        var tensors = GGUFFile.model()
        tensors.claimedTensors = 1 << 24
        #expect(try failure(tensors).contains("claims 16777216 tensors"))
        var metadata = GGUFFile()
        metadata.claimedMetadata = 1 << 25
        #expect(try failure(metadata).contains("33554432 metadata entries"))
        var text = GGUFFile()
        text.metadata = [("general.name", 8, GGUFFile.little(UInt64(1 << 28)))]
        #expect(try failure(text).contains("a string in its header is too long: 268435456 bytes"))
        // Consecutive texts of the max length.
        var texts = GGUFFile()
        texts.metadata = (0..<40).map { ("k\($0)", 8, GGUFFile.little(UInt64(4 << 20)) + [UInt8](repeating: 0x20, count: 4 << 20)) }
        #expect(try failure(texts).contains("too long"))
        var array = GGUFFile()
        array.metadata = [("list", 9, GGUFFile.little(UInt32(8)) + GGUFFile.little(UInt64(1 << 26)))]
        #expect(throws: FormatError.self) { try GGUFHeader.read(path: folder.path + "/sparse.gguf") }
        #expect(try failure(array).contains("too long") || failure(array).contains("longer than"))
    }

    @Test func whatIsTwiceOrNamelessIsRefused() throws {
        func failure(_ change: (inout GGUFFile) -> Void) throws -> String {
            var file = GGUFFile.model()
            change(&file)
            let path = try folder.write(file.bytes, to: "file.gguf")
            return try #require(#expect(throws: FormatError.self) { try GGUFHeader.read(path: path) }).description
        }
        #expect(try failure { $0.add("general.file_type", UInt32(1)) }.contains("general.file_type twice"))
        #expect(try failure { $0.add("", UInt32(1)) }.contains("without a name"))
        #expect(try failure { $0.tensors.append($0.tensors[0]) }.contains("the tensor weights twice"))
    }

    /// Defects that require reading the whole vocabulary are found before the model is loaded.
    @Test func vocabulariesAreCheckedBeforeLoading() throws {
        func failure(_ kind: String, _ tokens: [String]) throws -> String? {
            var file = GGUFFile.model()
            file.metadata.removeLast()
            file.add("tokenizer.ggml.model", kind)
            file.add("tokenizer.ggml.tokens", strings: tokens)
            let path = try folder.write(file.bytes, to: "file.gguf")
            do throws(FormatError) { _ = try LoadCheck.headers(of: [path]) } catch { return error.description }
            return nil
        }
        #expect(try failure("gpt2", ["a", "b", ""]) == nil)
        #expect(try failure("gpt2", ["a", "b", "a"]) == "its vocabulary has the token a twice")
        #expect(try failure("gpt2", ["", "[EMPTY_0]"]) == "its vocabulary has the token [EMPTY_0] twice")
        let bytes = (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
        #expect(try failure("llama", bytes + ["a"]) == nil)
        #expect(
            try failure("llama", Array(bytes.dropFirst(11)) + (0..<10).map { String(UnicodeScalar(UInt8($0))) })
                == "its vocabulary has no token for the byte 10")
        #expect(try failure("no_vocab", ["a"]) == "it has no vocabulary")
        var empty = GGUFFile()
        let count = (1 << 22) + 1
        let list = GGUFFile.little(UInt32(8)) + GGUFFile.little(UInt64(count)) + [UInt8](repeating: 0, count: 8 * count)
        empty.metadata = [("tokenizer.ggml.tokens", 9, list)]
        let path = try folder.write(empty.bytes, to: "empty.gguf")
        #expect(throws: FormatError("its vocabulary is too large: \(count) tokens")) { try LoadCheck.headers(of: [path]) }
    }

    /// Metadata types that llama.cpp's tools write are accepted.
    @Test(
        arguments: [
            ("cls.output.weight", [64, 1], 1), ("cls.output.weight", [64], 1), ("blk.0.ffn_gate_inp_shexp.weight", [64], 30),
            ("blk.0.attn_q.weight", [64, 2], 8),
            ("output_norm.weight", [64], 0), ("blk.0.ffn_down_exps.bias", [64, 2], 1), ("blk.0.hash_table", [64], 26),
        ] as [(String, [UInt64], UInt32)]) func usualTypesAreNoObstacle(name: String, shape: [UInt64], type: UInt32) throws
    {
        var file = GGUFFile.model()
        file.tensors = [(name, shape, type, 0)]
        file.dataBytes = 512
        #expect(ModelCatalog.record(forFile: try folder.write(file.bytes, to: "file.gguf"))?.problem == nil)
    }

    private static let obstacles: [(String, @Sendable (inout GGUFFile) -> Void)] = [
        ("number of layers is not valid: 0", { $0.add("llama.block_count", UInt32(0)) }),
        ("number of layers is not valid: 513", { $0.add("llama.block_count", UInt32(513)) }),
        (
            "nextn_predict_layers is 3",
            {
                $0.add("llama.block_count", UInt32(2)); $0.add("llama.nextn_predict_layers", UInt32(3))
            }
        ),
        ("used experts is not valid: 0 of 8", { $0.add("llama.expert_count", UInt32(8)) }),
        (
            "used experts is not valid: 9 of 8",
            {
                $0.add("llama.expert_count", UInt32(8)); $0.add("llama.expert_used_count", UInt32(9))
            }
        ),
        ("used experts is not valid: 2 of 0", { $0.add("llama.expert_used_count", UInt32(2)) }),
        (
            "too many experts: 2000",
            {
                $0.add("llama.expert_count", UInt32(2000)); $0.add("llama.expert_used_count", UInt32(2))
            }
        ),
        (
            "expert groups is not valid: 4 for 4 experts",
            {
                $0.add("llama.expert_count", UInt32(4)); $0.add("llama.expert_used_count", UInt32(2)); $0.add("llama.expert_group_count", UInt32(4))
            }
        ),
        (
            "does not fit its expert groups",
            {
                $0.add("llama.expert_count", UInt32(4)); $0.add("llama.expert_used_count", UInt32(2)); $0.add("llama.expert_group_count", UInt32(3))
            }
        ),
        ("RoPE scaling type is unknown: bent", { $0.add("llama.rope.scaling.type", "bent") }),
        ("epsilon is not valid: nan", { $0.metadata.append(("llama.attention.layer_norm_rms_epsilon", 6, GGUFFile.little(Float.nan.bitPattern))) }),
        ("epsilon is not valid: -1.0", { $0.metadata.append(("llama.attention.layer_norm_epsilon", 6, GGUFFile.little(Float(-1).bitPattern))) }),
        ("no experts", { $0.metadata[0] = ("general.architecture", 8, GGUFFile.string("glm4moe")) }),
        ("context length is not valid: 0 tokens", { $0.metadata[2] = ("llama.context_length", 4, [0, 0, 0, 0]) }),
        ("context length is not valid: 4294967295 tokens", { $0.metadata[2] = ("llama.context_length", 4, [255, 255, 255, 255]) }),
        ("no vocabulary", { $0.add("tokenizer.ggml.model", "none") }),
        ("blk.0.w.weight has the unsupported type I32", { $0.tensors = [("blk.0.w.weight", [4, 4], 26, 0)] }),
        ("attn_q.bias has the unsupported type BF16", { $0.tensors = [("blk.0.attn_q.bias", [8], 30, 0)] }),
        ("rope_freqs.weight has the unsupported type F16", { $0.tensors = [("rope_freqs.weight", [8], 1, 0)] }),
        ("norm.weight has the unsupported type F16", { $0.tensors = [("norm.weight", [8], 1, 0)] }),
        ("norm.weight has the unsupported type Q8_0", { $0.tensors = [("norm.weight", [32, 1], 8, 0)] }),
        (
            "head_count_kv are not numbers",
            { $0.metadata.append(("llama.attention.head_count_kv", 9, GGUFFile.little(UInt32(7)) + GGUFFile.little(UInt64(2)) + [1, 0])) }
        ),
    ]

    /// Files for which llama.cpp would abort the process are reported as unusable.
    @Test(arguments: obstacles.indices) func obstaclesAreSaid(index: Int) throws {
        var file = GGUFFile.model()
        Self.obstacles[index].1(&file)
        let record = try #require(ModelCatalog.record(forFile: try folder.write(file.bytes, to: "file.gguf")))
        #expect(record.problem?.contains(Self.obstacles[index].0) == true, "\(record.problem ?? "none")")
        #expect(throws: FormatError.self) { try LoadCheck.headers(of: [record.path]) }
    }
}

/// Checks whether a file fits as an adapter for itself.
private enum AdapterPlanProbe {
    static func ask(_ path: String) -> Bool {
        guard let headers = try? LoadCheck.headers(of: [path]) else { return false }
        return (try? AdapterPlan(for: headers, candidates: [LoRAAdapter(path: path, isRequired: false)])) != nil
    }
}
