/// Memory that a loaded model takes, in bytes.
package struct MemoryUse: Sendable, Equatable {
    /// The values of all tensors as they lie in memory.
    package var weights: Int
    /// What is kept of sequences: keys and values of the whole context, states of recurrent layers.
    package var cache: Int
    /// Buffers that a step computes in, logits, and the vocabulary's tables.
    package var compute: Int
    /// Tables of grammars that are kept for later requests.
    package var grammars = 0

    package init(weights: Int = 0, cache: Int = 0, compute: Int = 0) {
        self.weights = weights
        self.cache = cache
        self.compute = compute
    }

    package var total: Int { weights.saturated(adding: cache).saturated(adding: compute).saturated(adding: grammars) }

    /// Of llama.cpp's and our own tables for each token of a vocabulary, and of what every context has: its graph, its threads.
    /// Measured with vocabularies of 30 and 50 thousand tokens.
    private static let tokenBytes = 350
    private static let fixedBytes = 3_000_000

    /// Part of `compute` that is no buffer of a step.
    /// - outputs: rows whose logits are handed out.
    package static func handedOut(vocabulary: Int, outputs: Int) -> Int { vocabulary * (4 * outputs + tokenBytes) + fixedBytes }
}
