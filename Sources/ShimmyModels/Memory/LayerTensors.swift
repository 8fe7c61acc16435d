import ShimmyFormats

/// The properties of layers that a model's tensors reveal: their widths, and the values that each layer caches for a token.
struct LayerTensors {
    private struct Layer {
        /// The number of values that the layer caches for a token, if its tensors reveal it; otherwise 0.
        var kept = 0
        var hasFusedAttention = false
        var isRecurrent = false
    }

    private static let mostLayers = 4096
    private var layers: [Int: Layer] = [:]
    private(set) var hiddenWidth = 0
    private(set) var expertWidth = 0
    private(set) var vocabulary = 0
    /// The size of the embedding table in bytes, if it is also the output layer; otherwise 0.
    let tiedBytes: Int

    init(_ tensors: [GGUFTensor]) {
        let table = tensors.first { $0.name == "token_embd.weight" }
        tiedBytes = tensors.contains { $0.name == "output.weight" } ? 0 : table?.sizeBytes ?? 0
        vocabulary = min(table?.shape.last ?? 0, 1 << 24)
        for tensor in tensors {
            let parts = tensor.name.split(separator: ".", maxSplits: 2)
            guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), (0..<Self.mostLayers).contains(layer) else { continue }
            note(tensor, named: parts[2], in: layer)
        }
    }

    private mutating func note(_ tensor: GGUFTensor, named name: Substring, in layer: Int) {
        let rows = tensor.shape.count > 1 ? min(tensor.shape[1], 1 << 20) : 0
        switch name {
        case "attn_k.weight", "attn_v.weight", "attn_kv_a_mqa.weight": layers[layer, default: Layer()].kept += rows
        case "attn_qkv.weight": layers[layer, default: Layer()].hasFusedAttention = true
        case "ffn_up.weight": hiddenWidth = max(hiddenWidth, rows)
        case "ffn_up_exps.weight", "ffn_gate_up_exps.weight": expertWidth = max(expertWidth, rows)
        case _ where ["ssm_", "shortconv.", "time_mix_"].contains { name.hasPrefix($0) }: layers[layer, default: Layer()].isRecurrent = true
        default: break
        }
    }

    /// Removes the caches of the last `count` layers. In some models, the last layers use the caches of earlier ones.
    mutating func dropCaches(ofLast count: Int) {
        for layer in layers.keys.sorted().suffix(max(0, count)) {
            layers[layer]?.kept = 0
            layers[layer]?.hasFusedAttention = false
        }
    }

    var recurrentCount: Int { layers.values.count { $0.isRecurrent } }

    /// Returns the bytes that all layers cache for a token, as F16.
    func cellBytes(_ header: GGUFHeader) -> Int {
        layers.values.reduce(0) { sum, layer in
            // Recurrent layers also have a fused tensor, but they cache nothing for single tokens.
            sum + 2 * (layer.kept > 0 || !layer.hasFusedAttention || layer.isRecurrent ? layer.kept : Self.fusedWidth(header))
        }
    }

    /// Returns the number of cached keys and values of a layer whose queries, keys and values are one tensor.
    private static func fusedWidth(_ header: GGUFHeader) -> Int {
        func number(_ key: String) -> Int? { header.dimension("attention." + key) }
        let width = header.dimension("embedding_length") ?? 0
        guard let heads = number("head_count"), heads > 0 else { return 2 * width }
        let keptHeads = number("head_count_kv") ?? heads
        return keptHeads * ((number("key_length") ?? width / heads) + (number("value_length") ?? width / heads))
    }
}
