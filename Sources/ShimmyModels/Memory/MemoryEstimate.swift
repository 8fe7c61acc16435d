import ShimmyCore
package import ShimmyEngine
package import ShimmyFormats

/// The memory that a model will take, estimated from its header alone. `use` returns the bytes for a given context.
///
/// The estimate includes, in bytes of this process:
/// - weights: the tensors of all parts, and the adapters that are loaded with them. An embedding table that is also the output layer counts
///   twice: the output is repacked for computing, and the table stays in the file's pages.
/// - cache: the F16 keys and values of every layer for every cell of the context (layers with a sliding window keep all of them), and the F32
///   states of recurrent layers for every sequence. Encoders do not have a cache.
/// - compute: the peak of a step (its activations and mask, or its logits), the logits that are returned, and the tables of the vocabulary.
///
/// Tests compare the estimate with the memory that loading takes; it is within 10 %. Prefixes on disk are not included.
package struct MemoryEstimate: Sendable, Equatable {
    /// Clamped to a value that no machine reaches, so that sums do not overflow.
    let weightBytes: Int
    let cellBytes: Int
    let stateBytes: Int
    let trainedContext: Int?
    let computing: ComputeEstimate
    private static let mostWeights = 1 << 56

    /// - parts: the headers of the other parts of a split model.
    package init(_ header: GGUFHeader, parts: [GGUFHeader] = []) {
        let tensors = header.tensors + parts.flatMap(\.tensors)
        var layers = LayerTensors(tensors)
        let number = header.dimension
        let isEncoder = header.ofArchitecture("attention.causal") == .bool(false)
        if let shared = number("attention.shared_kv_layers") { layers.dropCaches(ofLast: shared) }
        weightBytes = min(tensors.reduce(isEncoder ? 0 : layers.tiedBytes) { $0.saturated(adding: $1.sizeBytes) }, Self.mostWeights)
        cellBytes = isEncoder ? 0 : min(layers.cellBytes(header), 1 << 30)
        stateBytes = layers.recurrentCount * min(Self.stateBytes(header), 1 << 40)
        trainedContext = header.ofArchitecture("context_length")?.intValue
        computing = ComputeEstimate(
            width: number("embedding_length") ?? 0, hidden: layers.hiddenWidth, expertRows: number("expert_used_count") ?? 0,
            expertHidden: layers.expertWidth, vocabulary: layers.vocabulary, masks: number("attention.sliding_window") ?? 0 > 0 ? 2 : 1,
            isEncoder: isEncoder, makesVectors: number("pooling_type") ?? 0 > 0)
    }

    /// Estimates the memory of a model whose file does not exist yet or is not a GGUF file, so that only its size is known. The estimate adds to
    /// the weights what a typical model of that size takes. A model's weights grow with the square of its width, and its cache for a token grows
    /// with the width, so the cache for a token is estimated as twice the square root of the weights' bytes: 20 kB for 100 MB, 140 kB for 5 GB,
    /// 400 kB for 40 GB. For typical models the total is within 25 %.
    /// - contextLength: the context length that the model was trained with, in tokens; nil if unknown.
    package init(sizeBytes: Int, contextLength: Int? = nil) {
        weightBytes = min(sizeBytes, Self.mostWeights)
        cellBytes = Int(2 * Double(max(0, sizeBytes)).squareRoot())
        stateBytes = 0
        trainedContext = contextLength
        computing = ComputeEstimate(
            width: 0, hidden: 0, expertRows: 0, expertHidden: 0, vocabulary: 50_000, masks: 1, isEncoder: false, makesVectors: false)
    }

    /// - contextLength, slots: the model's settings; nil for the defaults.
    /// - adapterBytes: the size of all adapters. Ignored for embedding models, which are loaded without adapters.
    package func use(contextLength: Int? = nil, slots: Int? = nil, adapterBytes: Int = 0) -> MemoryUse {
        let shape = shape(contextLength: contextLength, slots: slots)
        // An embedding engine has room for a batch of texts; llama.cpp pads the cells to a multiple of 256.
        let cells = (min(max(shape.contextLength, shape.batchTokens), 1 << 30) + 255) / 256 * 256
        return MemoryUse(
            weights: weightBytes + (makesVectors ? 0 : min(adapterBytes, Self.mostWeights)), cache: cells * cellBytes + shape.sequences * stateBytes,
            compute: computing.bytes(shape, cells: cells))
    }

    /// Returns the default context length of a model, in tokens: all that it was trained with if the model then takes at most `bytes`, otherwise
    /// as much as fits, but at least `EngineShape.defaultContextLimit`. Returns nil for embedding models, whose memory grows with the square of
    /// the context length, and if the trained context length is unknown.
    package func defaultContextLength(within bytes: Int, slots: Int? = nil) -> Int? {
        guard !makesVectors, let told = trainedContext, told > 0 else { return nil }
        // A header can claim any length; `use` does not count beyond this one.
        let trained = min(told, EngineShape.mostContext)
        let least = min(trained, EngineShape.defaultContextLimit)
        func fits(_ length: Int) -> Bool { use(contextLength: length, slots: slots).total <= bytes }
        if fits(trained) { return trained }
        // Searches in steps of 1,024 tokens: `low` fits or is the minimum, `high` does not fit.
        var (low, high) = (least / Self.contextStep, trained / Self.contextStep + 1)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if fits(middle * Self.contextStep) { low = middle } else { high = middle }
        }
        return max(least, low * Self.contextStep)
    }

    private static let contextStep = 1024

    /// The total bytes of a model that is served with default settings.
    package var defaultBytes: Int { use().total }

    private var makesVectors: Bool { computing.makesVectors || computing.isEncoder }

    private func shape(contextLength: Int?, slots: Int?) -> EngineShape {
        if makesVectors { return .embedding(contextLength: contextLength, trained: trainedContext) }
        return .generation(contextLength: contextLength, trained: trainedContext, slots: slots)
    }

    /// Returns the state bytes of one recurrent layer and sequence: `n_embd_r` and `n_embd_s` of llama.cpp's hyperparameters, as F32 values.
    private static func stateBytes(_ header: GGUFHeader) -> Int {
        let number = header.dimension
        let width = number("embedding_length") ?? 0
        if let head = number("wkv.head_size") { return 4 * (width * (number("token_shift_count") ?? 2) + width * head) }
        if let length = number("shortconv.l_cache") { return 4 * width * max(0, length - 1) }
        let kernel = max(0, (number("ssm.conv_kernel") ?? 1) - 1)
        if let head = number("kda.head_dim") {
            let heads = number("attention.head_count") ?? 1
            return 4 * (3 * kernel * heads * head + head * head * heads)
        }
        let (inner, state) = (number("ssm.inner_size") ?? 0, number("ssm.state_size") ?? 0)
        return 4 * (kernel * (inner + 2 * (number("ssm.group_count") ?? 0) * state) + state * inner)
    }
}

extension GGUFHeader {
    /// Returns a number from the metadata of the model's architecture, or nil if it is missing. Clamped to a range that no model exceeds, so that
    /// products of a few such numbers do not overflow.
    func dimension(_ key: String) -> Int? { ofArchitecture(key)?.intValue.map { min(max(0, $0), 1 << 16) } }
}
