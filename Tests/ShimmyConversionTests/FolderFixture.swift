import Foundation
import ShimmyJSON

/// A folder in the layout of the Hugging Face hub, with made-up weights.
final class FolderFixture {
    let path: String
    /// The tensors of the weight file.
    var tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])] = []

    init() throws {
        path = NSTemporaryDirectory() + "conversion-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ json: JSON) throws { try write(name, Array(json.text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let target = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: target))
    }

    func add(_ name: String, _ shape: [Int], _ values: [Float]) {
        let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        tensors.append((name, "F32", shape, bytes))
    }

    /// Adds a tensor with the values 0, 1, 2 and so on.
    func add(_ name: String, _ shape: Int...) { add(name, shape, (0..<shape.reduce(1, *)).map { Float($0) }) }

    /// Writes the tensors to a SafeTensors file.
    func writeWeights(to name: String = "model.safetensors") throws {
        var header: JSONObject = ["__metadata__": ["format": "pt"]]
        var offset = 0
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": .string(tensor.type), "shape": .array(tensor.shape.map { .int($0) }),
                "data_offsets": [.int(offset), .int(offset + tensor.bytes.count)],
            ]
            offset += tensor.bytes.count
        }
        let text = Array(JSON.object(header).text.utf8)
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        try write(name, length + text + tensors.flatMap(\.bytes))
    }

    /// Writes a small Llama model with two heads and a reduced tokenizer.
    func makeLlama(_ changes: JSONObject = [:]) throws {
        var config: JSONObject = [
            "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "vocab_size": 6,
        ]
        for (key, value) in changes { config[key] = value }
        try write("config.json", .object(config))
        try write(
            "tokenizer.json",
            [
                "added_tokens": [["id": 4, "content": "<s>", "special": true]],
                "pre_tokenizer": ["type": "ByteLevel"],
                "model": ["type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2, "Ġ": 3], "merges": ["a b"]],
            ])
        try write("tokenizer_config.json", ["bos_token": "<s>", "chat_template": "{{ messages }}"])
        add("model.embed_tokens.weight", 6, 8)
        add("model.norm.weight", 8)
        for (name, rows, columns) in [
            ("self_attn.q_proj", 8, 8), ("self_attn.k_proj", 4, 8), ("self_attn.v_proj", 4, 8), ("self_attn.o_proj", 8, 8), ("mlp.gate_proj", 16, 8),
            ("mlp.up_proj", 16, 8), ("mlp.down_proj", 8, 16),
        ] { add("model.layers.0.\(name).weight", rows, columns) }
        add("model.layers.0.input_layernorm.weight", 8)
        add("model.layers.0.post_attention_layernorm.weight", 8)
    }
}
