import Foundation
import ShimmyConversion
import ShimmyFormats
import ShimmyJSON
import ShimmyModels
import ShimmyTestSupport
import Testing

/// The result of a conversion: names, types, values and metadata, read back from the file.
@Suite struct ConversionTests {
    /// Converts the folder. Returns the header and the file's bytes from the first tensor on.
    private func convert(_ fixture: FolderFixture) throws -> (header: GGUFHeader, data: [UInt8]) {
        try fixture.writeWeights()
        let target = fixture.path + "/out.gguf"
        try FolderConverter(folder: HubFolder(path: fixture.path), name: "test").convert(to: target)
        let header = try GGUFHeader.read(path: target)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: target)))
        let end = header.tensors.map { ($0.offset + $0.sizeBytes + 31) / 32 * 32 }.max() ?? 0
        return (header, Array(bytes.suffix(end)))
    }

    private func values(_ name: String, _ file: (header: GGUFHeader, data: [UInt8])) throws -> [Float] {
        let tensor = try #require(file.header.tensors.first { $0.name == name })
        let bytes = file.data[tensor.offset..<tensor.offset + tensor.sizeBytes]
        return bytes.withUnsafeBytes { bytes in
            (0..<tensor.elementCount).map { index in
                tensor.type.name == "F32"
                    ? bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
                    : half(bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
            }
        }
    }

    /// Returns the value of a half-precision number (IEEE 754 binary16).
    private func half(_ bits: UInt16) -> Float {
        let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
        let magnitude = exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
        return bits >> 15 == 1 ? -magnitude : magnitude
    }

    @Test func aLlamaBecomesItself() throws {
        let fixture = try FolderFixture()
        try fixture.makeLlama()
        let file = try convert(fixture)
        #expect(file.header.architecture == "llama" && file.header.ofArchitecture("context_length")?.intValue == 64)
        #expect(file.header.ofArchitecture("attention.head_count_kv")?.intValue == 1)
        #expect(file.header.metadata["tokenizer.ggml.pre"]?.stringValue == "gpt-2")
        #expect(file.header.metadata["tokenizer.chat_template"]?.stringValue == "{{ messages }}")
        #expect(file.header.metadata["tokenizer.ggml.bos_token_id"]?.intValue == 4)
        #expect(file.header.metadata["tokenizer.ggml.tokens"] == .array(of: .string, count: 6))
        #expect(
            Set(file.header.tensors.map(\.name)).isSuperset(of: [
                "token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.0.ffn_norm.weight",
            ]))
        // Shapes begin with the row length. Matrices become half precision, norms stay in single precision.
        #expect(file.header.tensors.first { $0.name == "blk.0.ffn_down.weight" }?.shape == [16, 8])
        #expect(file.header.tensors.allSatisfy { ($0.type.name == "F32") == ($0.shape.count == 1) })
        #expect(try values("blk.0.attn_v.weight", file) == (0..<32).map { Float($0) })
        // Two heads of four rows: the rows of the second half of a head are interleaved with those of the first half.
        let rows = try values("blk.0.attn_q.weight", file).enumerated().filter { $0.offset % 8 == 0 }.map { Int($0.element) / 8 }
        #expect(rows == [0, 2, 1, 3, 4, 6, 5, 7])
    }

    @Test func rotationsAreStretchedAsTheConfigurationSays() throws {
        let fixture = try FolderFixture()
        try fixture.makeLlama([
            "rope_scaling": [
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
            ]
        ])
        let factors = try values("rope_freqs.weight", try convert(fixture))
        // Wavelengths of 2π and 200π tokens: the first is short enough to stay unchanged, the second is scaled fully.
        #expect(factors == [1, 8])
    }

    @Test func gemmasNormsAreOneMoreAndItsTableIsCut() throws {
        let fixture = try FolderFixture()
        try fixture.makeLlama(["architectures": ["GemmaForCausalLM"], "head_dim": 4])
        fixture.tensors.removeAll { $0.name.contains("embed_tokens") }
        fixture.add("model.embed_tokens.weight", 9, 8)
        let file = try convert(fixture)
        #expect(try values("output_norm.weight", file) == (0..<8).map { Float($0 + 1) })
        #expect(file.header.tensors.first { $0.name == "token_embd.weight" }?.shape == [8, 5])
        #expect(file.header.ofArchitecture("attention.key_length")?.intValue == 4)
    }

    @Test func numbersKeepTheirValues() throws {
        var random = SeededGenerator(seed: 3)
        let fixture = try FolderFixture()
        try fixture.makeLlama()
        fixture.tensors.removeAll { $0.name.contains("o_proj") || $0.name.contains("gate_proj") }
        let numbers = (0..<64).map { index -> Float in
            let special: [Float] = [0, -0.0, 1, -1, 65504, 65519, 65520, 1e9, -1e9, 0x1p-14, 0x1p-24, 0x1p-25, 0x1.8p-25, 1e-30, 3.14159, 2049]
            return index < special.count ? special[index] : Float.random(in: -70000...70000, using: &random)
        }
        fixture.add("model.layers.0.self_attn.o_proj.weight", [8, 8], numbers)
        let brain = (0..<128).map { UInt16(0x3F80 + $0) }
        let bytes = brain.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        fixture.tensors.append(("model.layers.0.mlp.gate_proj.weight", "BF16", [16, 8], bytes))
        let file = try convert(fixture)
        for (converted, number) in zip(try values("blk.0.attn_output.weight", file), numbers) {
            let isExact =
                abs(number) >= 65520 ? converted.isInfinite || abs(converted) >= 65520 : abs(converted - number) <= abs(number) * 0x1p-11 + 0x1p-25
            #expect(isExact, "\(number) became \(converted)")
        }
        let kept = try #require(file.header.tensors.first { $0.name == "blk.0.ffn_gate.weight" })
        #expect(kept.type.name == "BF16" && Array(file.data[kept.offset..<kept.offset + 256]) == bytes)
    }

    @Test func judgesKeepTheirHeads() throws {
        let fixture = try FolderFixture()
        try fixture.write(
            "config.json",
            [
                "architectures": ["BertForSequenceClassification"], "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 0,
                "num_attention_heads": 2, "max_position_embeddings": 16, "layer_norm_eps": 1e-12, "type_vocab_size": 2, "vocab_size": 3,
            ])
        try fixture.write("tokenizer.json", ["model": ["type": "WordPiece", "vocab": ["[UNK]": 0, "a": 1, "##b": 2]], "added_tokens": []])
        fixture.add("bert.embeddings.word_embeddings.weight", 3, 8)
        fixture.add("bert.embeddings.token_type_embeddings.weight", 2, 8)
        fixture.add("bert.pooler.dense.weight", 8, 8)
        fixture.add("classifier.weight", 1, 8)
        #expect(throws: FormatError.self) { try convert(fixture) }  // 0 is not a valid number of layers
        try fixture.write(
            "config.json",
            [
                "architectures": ["BertForSequenceClassification"], "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "max_position_embeddings": 16, "layer_norm_eps": 1e-12, "type_vocab_size": 2, "vocab_size": 3,
            ])
        let file = try convert(fixture)
        #expect(file.header.ofArchitecture("pooling_type")?.intValue == 4)
        #expect(Set(file.header.tensors.map(\.name)) == ["token_embd.weight", "token_types.weight", "cls.weight", "cls.output.weight"])
    }
}

/// Refusals of folders that cannot be converted, and of false claims in their files.
@Suite struct RefusalTests {
    private func message(_ fixture: FolderFixture) -> String {
        do {
            try FolderConverter(folder: HubFolder(path: fixture.path), name: "test").convert(to: fixture.path + "/out.gguf")
            return ""
        } catch {
            #expect(!FileManager.default.fileExists(atPath: fixture.path + "/out.gguf"))
            return "\(error)"
        }
    }

    @Test func whatIsNotKnownIsNamed() throws {
        var fixture = try FolderFixture()
        try fixture.makeLlama(["architectures": ["StarfishForCausalLM"]])
        try fixture.writeWeights()
        #expect(message(fixture).contains("StarfishForCausalLM"))

        fixture = try FolderFixture()
        try fixture.makeLlama()
        fixture.add("model.layers.0.mystery.weight", 8, 8)
        try fixture.writeWeights()
        #expect(message(fixture).contains("model.layers.0.mystery.weight"))

        fixture = try FolderFixture()
        try fixture.makeLlama()
        try fixture.write("tokenizer.json", ["model": ["type": "Unigram", "vocab": [:]]])
        try fixture.writeWeights()
        #expect(message(fixture).contains("Unigram"))

        fixture = try FolderFixture()
        try fixture.makeLlama(["rope_scaling": ["rope_type": "spiral"]])
        try fixture.writeWeights()
        #expect(message(fixture).contains("spiral"))

        fixture = try FolderFixture()
        try fixture.makeLlama()
        fixture.tensors.append(("model.layers.0.mlp.extra_proj.weight", "F8_E4M3", [2, 2], [1, 2, 3, 4]))
        fixture.tensors[fixture.tensors.count - 1].name = "lm_head.weight"
        try fixture.writeWeights()
        #expect(message(fixture).contains("F8_E4M3"))

        fixture = try FolderFixture()
        try fixture.makeLlama()
        try fixture.write("model.safetensors.index.json", ["weight_map": ["x": "../../secret.safetensors"]])
        try fixture.writeWeights()
        #expect(message(fixture).contains("missing"))
    }

    /// A wrong byte anywhere in a header causes neither a crash nor excessive memory use.
    @Test func damagedHeadersAreRefused() throws {
        let fixture = try FolderFixture()
        try fixture.makeLlama()
        try fixture.writeWeights()
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.path + "/model.safetensors")))
        var random = SeededGenerator(seed: 9)
        var refused = 0
        for round in 0..<400 {
            var bytes = whole
            switch round % 4 {
            case 0: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
            case 1: for _ in 0..<3 { bytes[Int.random(in: 0..<900, using: &random)] = .random(in: 0...255, using: &random) }
            case 2: for index in 0..<8 { bytes[index] = .random(in: 0...255, using: &random) }
            default:
                // The digits of shapes and offsets.
                let digits = bytes.indices.prefix(2000).filter { (48...57).contains(bytes[$0]) }
                for _ in 0..<2 { bytes[digits.randomElement(using: &random)!] = .random(in: 48...57, using: &random) }
            }
            try fixture.write("model.safetensors", bytes)
            if !message(fixture).isEmpty { refused += 1 }
            try? FileManager.default.removeItem(atPath: fixture.path + "/out.gguf")
        }
        #expect(refused > 300)
        for hostile in [
            #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#,
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}}"#,
            #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[4,0]}}"#, "[]", "{", String(repeating: "[", count: 5000),
        ] {
            let text = Array(hostile.utf8)
            try fixture.write("model.safetensors", withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text)
            #expect(!message(fixture).isEmpty)
        }
    }
}
