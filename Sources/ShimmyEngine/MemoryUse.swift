import ShimmyCore

/// The memory that a loaded model takes, in bytes.
package struct MemoryUse: Sendable, Equatable {
    /// The values of all tensors as stored in memory.
    package var weights: Int
    /// The cached state of sequences: keys and values for the whole context, and the states of recurrent layers.
    package var cache: Int
    /// The compute buffers of a step, the logits, and the vocabulary's tables.
    package var compute: Int
    /// The tables of grammars that are cached for later requests.
    package var grammars = 0
    /// The parts of weights, cache and compute on each device; empty for an estimate.
    package var devices: [String: Int] = [:]

    package init(weights: Int = 0, cache: Int = 0, compute: Int = 0) {
        self.weights = weights
        self.cache = cache
        self.compute = compute
    }

    package var total: Int { weights.saturated(adding: cache).saturated(adding: compute).saturated(adding: grammars) }

    /// Bytes for each token of a vocabulary in llama.cpp's and Shimmy's own tables, and fixed bytes that every context takes for its graph and
    /// threads. Measured with vocabularies of 30 and 50 thousand tokens.
    private static let tokenBytes = 350
    private static let fixedBytes = 3_000_000

    /// Returns the part of `compute` that does not belong to a step's buffers.
    /// - outputs: the number of rows whose logits are returned.
    package static func handedOut(vocabulary: Int, outputs: Int) -> Int { vocabulary * (4 * outputs + tokenBytes) + fixedBytes }
}
