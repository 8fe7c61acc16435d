import ShimmyEngine

/// The size of a step's buffers, from the peak memory of llama.cpp's graphs. The factors are derived from llama.cpp's own calculation
/// (`no_alloc`) for Llama, Qwen, Gemma, mixture-of-experts and BERT models of several sizes and context lengths.
struct ComputeEstimate: Sendable, Equatable {
    let width: Int
    let hidden: Int
    /// The number of experts that a token uses; 0 if the model has no experts.
    let expertRows: Int
    let expertHidden: Int
    /// The number of tokens in the vocabulary.
    let vocabulary: Int
    /// The number of attention masks. Models with sliding-window layers have a second one.
    let masks: Int
    let isEncoder: Bool
    let makesVectors: Bool

    func bytes(_ shape: EngineShape, cells: Int) -> Int {
        let row = 4 * shape.batchTokens
        if isEncoder {
            let step = row * (hidden + 3 * width) + 2 * shape.batchTokens * shape.batchTokens
            return step + MemoryUse.handedOut(vocabulary: vocabulary, outputs: shape.outputs)
        }
        let mask = masks * cells * (2 * shape.batchTokens + 64)
        let dense = row * (3 * hidden + 6 * width)
        let experts = row * (expertRows * (2 * width + expertHidden) + 6 * width)
        let logits = 4 * vocabulary * shape.outputs + row * width * 3 / 2
        return max(dense + mask, experts + mask, logits) + MemoryUse.handedOut(vocabulary: vocabulary, outputs: shape.outputs)
    }
}
