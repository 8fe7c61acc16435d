import Foundation
import ShimmyFormats
import ShimmyJSON

extension ModelFamily {
    static let llama = ModelFamily(
        architecture: "llama", metadata: { config throws(FormatError) in try config.decoder("llama") },
        tensor: { name, config throws(FormatError) in
            // llama.cpp interleaves the rotary halves of queries and keys.
            let heads = name.contains("q_proj") ? try config.heads : name.contains("k_proj") ? try config.cacheHeads : nil
            return try DecoderNames.tensor(name, Transform(rotaryHeads: heads))
        }, extra: { config throws(FormatError) in try config.llama3Factors() })

    static let qwen2 = ModelFamily(
        architecture: "qwen2", metadata: { config throws(FormatError) in try config.decoder("qwen2") + config.poolingMetadata("qwen2") },
        tensor: { name, _ throws(FormatError) in try DecoderNames.tensor(name) })

    static let qwen3 = ModelFamily(
        architecture: "qwen3", metadata: { config throws(FormatError) in try config.decoder("qwen3") + config.poolingMetadata("qwen3") },
        tensor: { name, _ throws(FormatError) in try DecoderNames.tensor(name) })

    static let gemma = ModelFamily(
        architecture: "gemma", metadata: { config throws(FormatError) in try config.decoder("gemma") },
        tensor: { name, config throws(FormatError) in try DecoderNames.gemma(name, config) })

    static let gemma2 = ModelFamily(
        architecture: "gemma2",
        metadata: { config throws(FormatError) in
            try config.decoder("gemma2") + [
                ("gemma2.attn_logit_softcapping", .float(config.number("attn_logit_softcapping"))),
                ("gemma2.final_logit_softcapping", .float(config.number("final_logit_softcapping"))),
                ("gemma2.attention.sliding_window", .unsigned(config.integer("sliding_window"))),
            ]
        }, tensor: { name, config throws(FormatError) in try DecoderNames.gemma(name, config, normsAfter: true) })

    static let gemma3 = ModelFamily(
        architecture: "gemma3",
        metadata: { config throws(FormatError) in
            var values = try config.decoder("gemma3")
            if let window = try config.optionalInteger("sliding_window") { values.append(("gemma3.attention.sliding_window", .unsigned(window))) }
            if let cap = config.json["final_logit_softcapping"]?.doubleValue { values.append(("gemma3.final_logit_softcapping", .float(cap))) }
            return values
        }, tensor: { name, config throws(FormatError) in try DecoderNames.gemma(name, config, normsAfter: true) })

    static let phi3 = ModelFamily(
        architecture: "phi3",
        metadata: { config throws(FormatError) in
            var values = try config.decoder("phi3")
            let original = try config.integer("original_max_position_embeddings", or: "max_position_embeddings")
            values.append(("phi3.rope.scaling.original_context_length", .unsigned(original)))
            // Phi-4 has no window; 0 distinguishes it from earlier models.
            values.append(("phi3.attention.sliding_window", .unsigned(try config.optionalInteger("sliding_window") ?? 0)))
            if config.rope?["long_factor"] != nil {
                let scale = Double(try config.integer("max_position_embeddings")) / Double(original)
                let factor = scale <= 1 ? 1 : (1 + log(scale) / log(Double(original))).squareRoot()
                values.append(("phi3.rope.scaling.attn_factor", .float(factor)))
            }
            return values
        }, tensor: { name, _ throws(FormatError) in try DecoderNames.tensor(name) },
        extra: { config throws(FormatError) in
            var tensors: [(name: String, values: [Float])] = []
            for (key, name) in [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")] {
                guard let factors = config.rope?[key]?.arrayValue else { continue }
                let values = factors.compactMap { $0.doubleValue.map { Float($0) } }
                guard values.count == factors.count else { throw FormatError("config.json has no usable rope_scaling.\(key)") }
                tensors.append((name, values))
            }
            return tensors
        })
}

/// The mapping of the tensor names of transformers' decoders to llama.cpp's names.
enum DecoderNames {
    private static let layerNames: [String: String] = [
        "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
        "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        "mlp.gate_up_proj": "ffn_up",
    ]
    private static let layerNamesWithNormsAfter: [String: String] = [
        "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    ]

    /// Returns llama.cpp's name of a tensor with its transform; nil if llama.cpp does not need the tensor. Throws for an unknown tensor.
    /// - normsAfter: whether each layer has norms before and after its attention and its feed-forward part.
    static func tensor(_ name: String, _ transform: Transform = Transform(), normsAfter: Bool = false) throws(FormatError) -> (
        name: String, transform: Transform
    )? {
        let stem = name.hasPrefix("model.") ? name.dropFirst(6) : name[...]
        if stem.hasSuffix("rotary_emb.inv_freq") { return nil }
        guard let dot = stem.lastIndex(of: ".") else { throw unknown(name) }
        let (place, ending) = (String(stem[..<dot]), String(stem[dot...]))
        switch place {
        case "embed_tokens": return ("token_embd" + ending, transform)
        case "norm": return ("output_norm" + ending, transform)
        case "lm_head": return ("output" + ending, transform)
        default: break
        }
        let parts = place.split(separator: ".", maxSplits: 2)
        guard parts.count == 3, parts[0] == "layers", let layer = Int(parts[1]) else { throw unknown(name) }
        let part = String(parts[2])
        guard let known = (normsAfter ? layerNamesWithNormsAfter[part] : nil) ?? layerNames[part] else { throw unknown(name) }
        return ("blk.\(layer).\(known)\(ending)", transform)
    }

    /// Returns llama.cpp's name of a Gemma tensor with its transform; nil if llama.cpp does not need it. Gemma's norms add 1 to the stored values.
    /// The output uses the table of the input embeddings, which may have more rows than the vocabulary has tokens.
    static func gemma(_ name: String, _ config: FamilyConfig, normsAfter: Bool = false) throws(FormatError) -> (
        name: String, transform: Transform
    )? {
        if name == "lm_head.weight" { return nil }
        let transform = Transform(offset: name.hasSuffix("norm.weight") ? 1 : 0, rows: name.contains("embed_tokens") ? config.tokenCount : nil)
        return try tensor(name, transform, normsAfter: normsAfter)
    }

    static func unknown(_ name: String) -> FormatError {
        FormatError("the tensor \(name) is unknown; leaving it out would change the model")
    }
}

extension FamilyConfig {
    /// Returns the frequency factors of Llama 3.1's RoPE scaling, which stretches the rotations with long wavelengths; empty for other types of
    /// scaling.
    fileprivate func llama3Factors() throws(FormatError) -> [(name: String, values: [Float])] {
        guard ropeType == "llama3" else { return [] }
        let (factor, low, high) = (try ropeNumber("factor"), try ropeNumber("low_freq_factor"), try ropeNumber("high_freq_factor"))
        let original = try ropeNumber("original_max_position_embeddings")
        let length = try headLength
        let values = stride(from: 0, to: length, by: 2).map { index -> Float in
            let frequency = pow(ropeBase ?? 10_000, -Double(index) / Double(length))
            let wave = 2 * Double.pi / frequency
            if wave < original / high { return 1 }
            if wave > original / low { return Float(factor) }
            let smooth = (original / wave - low) / (high - low)
            return Float(1 / ((1 - smooth) / factor + smooth))
        }
        return [("rope_freqs.weight", values)]
    }
}
