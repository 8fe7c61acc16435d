import ShimmyFormats
import ShimmyJSON

extension ModelFamily {
    /// BERT encoders: embedding models, and rerankers, which have a classification head with one class.
    static let bert = ModelFamily(
        architecture: "bert",
        metadata: { config throws(FormatError) in
            [
                ("bert.block_count", .unsigned(try config.integer("num_hidden_layers"))),
                ("bert.context_length", .unsigned(try config.integer("max_position_embeddings"))),
                ("bert.embedding_length", .unsigned(try config.integer("hidden_size"))),
                ("bert.feed_forward_length", .unsigned(try config.integer("intermediate_size"))),
                ("bert.attention.head_count", .unsigned(try config.heads)),
                ("bert.attention.layer_norm_epsilon", .float(try config.number("layer_norm_eps"))),
                ("bert.attention.causal", .bool(false)),
                ("tokenizer.ggml.token_type_count", .unsigned(try config.optionalInteger("type_vocab_size") ?? 1)),
            ] + (try config.isClassifier ? [("bert.pooling_type", .unsigned(4))] : config.poolingMetadata("bert", default: 1))
        }, tensor: { name, config throws(FormatError) in try BertNames.tensor(name, config) })
}

extension FamilyConfig {
    fileprivate var isClassifier: Bool { className == "BertForSequenceClassification" }

    /// Returns the metadata for the pooling type, which turns the vectors of a text's tokens into one vector. The numbers are llama.cpp's: 1 is the
    /// mean, 2 the first token, 3 the last token. Throws if the folder specifies another type.
    /// - other: the pooling type if the folder does not specify one; nil for none.
    func poolingMetadata(_ name: String, default other: Int? = nil) throws(FormatError) -> [(String, GGUFWriter.Value)] {
        guard let pooling else { return other.map { [("\(name).pooling_type", .unsigned($0))] } ?? [] }
        let modes = [("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)]
        guard let mode = modes.first(where: { pooling[$0.0]?.boolValue == true })?.1 else {
            throw FormatError("the folder's pooling method is not supported; mean, first-token and last-token pooling are")
        }
        return [("\(name).pooling_type", .unsigned(mode))]
    }
}

private enum BertNames {
    private static let places: [String: String] = [
        "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
        "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
    ]
    private static let layerNames: [String: String] = [
        "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
        "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down",
        "output.LayerNorm": "layer_output_norm",
    ]

    static func tensor(_ name: String, _ config: FamilyConfig) throws(FormatError) -> (name: String, transform: Transform)? {
        let stem = name.hasPrefix("bert.") ? name.dropFirst(5) : name[...]
        if stem == "embeddings.position_ids" || stem.hasPrefix("cls.") { return nil }
        guard let dot = stem.lastIndex(of: ".") else { throw DecoderNames.unknown(name) }
        let place = String(stem[..<dot])
        // The oldest files name the weights and biases of norms gamma and beta.
        let ending = stem[dot...] == ".gamma" ? ".weight" : stem[dot...] == ".beta" ? ".bias" : String(stem[dot...])
        if place == "pooler.dense" || place == "classifier" {
            // Embeddings do not use the pooler; rerankers use both tensors.
            guard config.isClassifier else { return nil }
            return ((place == "classifier" ? "cls.output" : "cls") + ending, Transform())
        }
        if let known = places[place] { return (known + ending, Transform()) }
        let parts = place.split(separator: ".", maxSplits: 3)
        guard parts.count == 4, parts[0] == "encoder", parts[1] == "layer", let layer = Int(parts[2]), let known = layerNames[String(parts[3])] else {
            throw DecoderNames.unknown(name)
        }
        return ("blk.\(layer).\(known)\(ending)", Transform())
    }
}
