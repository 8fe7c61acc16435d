import ShimmyFormats

extension GGUFHeader {
    /// The reason why llama.cpp would abort the process during the load; nil if there is none. llama.cpp rejects most invalid headers without
    /// aborting; this property checks the rest, which are assertions in `load_hparams` of llama-model.cpp and in ggml.
    var loadObstacle: String? {
        guard let architecture else { return nil }
        if let vocabulary = metadata["tokenizer.ggml.model"]?.stringValue, Self.missingVocabularies.contains(vocabulary) {
            return "it has no vocabulary"
        }
        return layerObstacle ?? expertObstacle(architecture) ?? numberObstacle(architecture) ?? tensorObstacle
    }

    private static let missingVocabularies: Set<String> = ["none", "no_vocab"]
    /// Types that ggml uses in computations but has no matrix products for.
    private static let helperTypes: Set<String> = ["Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"]
    /// Architectures whose `load_arch_hparams` or graph asserts that the model has experts.
    private static let expertArchitectures: Set<String> = [
        "smallthinker", "bailingmoe2", "glm4moe", "grovemoe", "llada-moe", "lfm2moe", "qwen2moe", "qwen3moe", "olmoe", "dbrx", "arctic",
    ]

    var tensorObstacle: String? { tensors.lazy.compactMap(Self.obstacle).first }

    /// Returns why ggml cannot use a tensor's type, or nil if it can. A tensor that is added to rows or multiplied with them element by element
    /// must be F32; all others need a type that has matrix products. A tensor with a single row may be either: the last layer of a reranker is a
    /// matrix product and may have 16 bits.
    private static func obstacle(_ tensor: GGUFTensor) -> String? {
        let name = tensor.name
        guard name.hasSuffix(".weight") || name.hasSuffix(".bias") else { return nil }
        let isAdded =
            name.contains("norm") || name.hasPrefix("token_types.") || name.hasPrefix("rope_") || (name.hasSuffix(".bias") && tensor.shape.count <= 1)
        guard !helperTypes.contains(tensor.type.name), !isAdded || tensor.type.name == "F32" else {
            return "its tensor \(tensor.name) has the unsupported type \(tensor.type.name)"
        }
        return nil
    }

    private static let mostLayers = 512
    private static let mostExperts = 1024
    private static let scalings: Set<String> = ["none", "linear", "yarn", "longrope"]
    private static let epsilons = ["layer_norm_epsilon", "layer_norm_rms_epsilon", "group_norm_epsilon"]

    private var layerObstacle: String? {
        // Context lengths are signed 32-bit numbers.
        if let context = ofArchitecture("context_length")?.intValue, !(2...Int(Int32.max)).contains(context) {
            return "its context length is not valid: \(context) tokens"
        }
        guard let layers = ofArchitecture("block_count")?.intValue else { return nil }
        guard (1...Self.mostLayers).contains(layers) else { return "its number of layers is not valid: \(layers)" }
        for part in ["nextn_predict_layers", "posnet.block_count", "convnext.block_count"] {
            if let count = ofArchitecture(part)?.intValue, count > layers { return "its \(part) is \(count), but it has only \(layers) layers" }
        }
        return nil
    }

    private func expertObstacle(_ architecture: String) -> String? {
        func count(_ key: String) -> Int { ofArchitecture(key)?.intValue ?? 0 }
        let (experts, groups) = (count("expert_count"), count("expert_group_count"))
        // llama.cpp ignores a single expert in these architectures.
        if experts <= 1, architecture.hasPrefix("hunyuan") { return nil }
        guard experts > 0 || !Self.expertArchitectures.contains(architecture) else { return "it has no experts" }
        guard experts <= Self.mostExperts else { return "it has too many experts: \(experts)" }
        // The values of per-layer arrays are not kept; files that llama.cpp's own tools make have valid ones.
        if case .array? = ofArchitecture("expert_used_count") {
            return groups > 0 && groups >= experts ? "its number of expert groups is not valid: \(groups)" : nil
        }
        let used = count("expert_used_count")
        guard experts > 0 ? (1...experts).contains(used) : used == 0 else { return "its number of used experts is not valid: \(used) of \(experts)" }
        guard experts > 0 ? groups < experts : groups == 0 else {
            return "its number of expert groups is not valid: \(groups) for \(experts) experts"
        }
        if groups > 1 {
            guard experts % groups == 0, (1..<groups).contains(count("expert_group_used_count")) else {
                return "its number of experts does not fit its expert groups"
            }
        }
        return nil
    }

    private func numberObstacle(_ architecture: String) -> String? {
        if let scaling = ofArchitecture("rope.scaling.type")?.stringValue, !Self.scalings.contains(scaling) {
            return "its RoPE scaling type is unknown: \(scaling)"
        }
        for name in Self.epsilons {
            if case .float(let value)? = ofArchitecture("attention.\(name)"), !(value >= 0 && value.isFinite) {
                return "its \(name) is not valid: \(value)"
            }
        }
        for (key, value) in metadata where key.hasPrefix(architecture + ".") {
            if case .array(.bool, _) = value, key.hasSuffix("head_count") || key.hasSuffix("head_count_kv") {
                return "the values of its \(key) are not numbers"
            }
        }
        return nil
    }
}
