package import ShimmyCore

/// What a model's file says about the memory that it will take. Made of the header alone; `use` tells the bytes for a context.
///
/// What is counted, all in bytes of this process:
/// - weights: the tensors of all parts; the table of embeddings twice where it is also the output layer, since the output is then packed for
///   computing and the table stays in the file's pages; the adapters that are loaded with them.
/// - cache: keys and values (F16) of every layer for every cell of the context (layers with a sliding window keep all of them), and the
///   states (F32) of recurrent layers for every sequence. Encoders have none.
/// - compute: the largest moment of a step (its activations and mask, or its logits), the logits that are handed out, and the tables of
///   the vocabulary.
///
/// Tests hold it against what loading takes; it comes within 10 % of that. Prefixes on a disk are not in it.
package struct MemoryEstimate: Sendable, Equatable {
    /// More than any machine has is cut off, so that sums stay numbers.
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

    /// Of a model whose file is not there yet, or is none: only its size is known. Beside the weights it takes what a usual model of its
    /// size does. A model's weights grow with the square of its width and what it keeps of a token with the width, so that is twice the square
    /// root of the weights' bytes: 20 kB with 100 MB, 140 kB with 5 GB, 400 kB with 40 GB. With usual models the whole comes within 25 %.
    /// - contextLength: what it was trained on; nil where that is not known.
    package init(sizeBytes: Int, contextLength: Int? = nil) {
        weightBytes = min(sizeBytes, Self.mostWeights)
        cellBytes = Int(2 * Double(max(0, sizeBytes)).squareRoot())
        stateBytes = 0
        trainedContext = contextLength
        computing = ComputeEstimate(
            width: 0, hidden: 0, expertRows: 0, expertHidden: 0, vocabulary: 50_000, masks: 1, isEncoder: false, makesVectors: false)
    }

    /// - contextLength, slots: as the model's settings say; nil for what it gets by default.
    /// - adapterBytes: of all adapters; a model that makes vectors is loaded without.
    package func use(contextLength: Int? = nil, slots: Int? = nil, adapterBytes: Int = 0) -> MemoryUse {
        let shape = shape(contextLength: contextLength, slots: slots)
        // An engine of vectors has room for a batch of texts; llama.cpp pads.
        let cells = (min(max(shape.contextLength, shape.batchTokens), 1 << 30) + 255) / 256 * 256
        return MemoryUse(
            weights: weightBytes + (makesVectors ? 0 : min(adapterBytes, Self.mostWeights)), cache: cells * cellBytes + shape.sequences * stateBytes,
            compute: computing.bytes(shape, cells: cells))
    }

    /// Returns the context that a model gets by default, in tokens: all that it was trained on if the model then takes at most `bytes`,
    /// otherwise as much as fits, but at least `EngineShape.defaultContextLimit`. Returns nil for models that make vectors, whose memory grows
    /// with the square of the context, and where the trained context is not known.
    package func defaultContextLength(within bytes: Int, slots: Int? = nil) -> Int? {
        guard !makesVectors, let told = trainedContext, told > 0 else { return nil }
        // A header can claim any length; `use` counts no longer one.
        let trained = min(told, EngineShape.mostContext)
        let least = min(trained, EngineShape.defaultContextLimit)
        func fits(_ length: Int) -> Bool { use(contextLength: length, slots: slots).total <= bytes }
        if fits(trained) { return trained }
        // Steps of 1,024 tokens: `low` fits or is the least, `high` does not fit.
        var (low, high) = (least / Self.contextStep, trained / Self.contextStep + 1)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if fits(middle * Self.contextStep) { low = middle } else { high = middle }
        }
        return max(least, low * Self.contextStep)
    }

    private static let contextStep = 1024

    /// Of everything, for a model that is served without settings of its own.
    package var defaultBytes: Int { use().total }

    private var makesVectors: Bool { computing.makesVectors || computing.isEncoder }

    private func shape(contextLength: Int?, slots: Int?) -> EngineShape {
        if makesVectors { return .embedding(contextLength: contextLength, trained: trainedContext) }
        return .generation(contextLength: contextLength, trained: trainedContext, slots: slots)
    }

    /// Of one recurrent layer and sequence: `n_embd_r` and `n_embd_s` of llama.cpp's hyperparameters, each an F32.
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
    /// A number of the architecture's; what no model has is cut off, so that products of a few of them stay numbers.
    func dimension(_ key: String) -> Int? { ofArchitecture(key)?.intValue.map { min(max(0, $0), 1 << 16) } }
}
