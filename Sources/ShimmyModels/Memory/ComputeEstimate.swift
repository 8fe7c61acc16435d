import ShimmyCore

/// The buffers of a step, from what llama.cpp's graphs hold at their largest moment. The factors were read off its own reckoning
/// (`no_alloc`) for Llama, Qwen, Gemma, mixtures of experts and BERT of several sizes and contexts.
struct ComputeEstimate: Sendable, Equatable {
    let width: Int
    let hidden: Int
    /// Experts of a token; 0 where there are none.
    let expertRows: Int
    let expertHidden: Int
    /// Tokens.
    let vocabulary: Int
    /// Masks of attention: a second one for layers with a sliding window.
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
