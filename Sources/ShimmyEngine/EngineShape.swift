import ShimmyCore

/// The size of an engine: how much it computes at once and how much it keeps. It does not need a loaded model, so that memory can be estimated
/// from it.
package struct EngineShape: Sendable, Equatable {
    /// The context length in tokens, shared by all sequences.
    package let contextLength: Int
    /// The max number of tokens in a step.
    package let batchTokens: Int
    /// The max number of sequences that run at once.
    package let running: Int
    /// The max number of sequences whose tokens are kept, including the running ones.
    package let sequences: Int
    /// The max number of rows in a step that have a result: logits or an embedding.
    package let outputs: Int

    /// The max context length in tokens unless a setting requests more. Models trained on 128k tokens would take gigabytes for a KV cache that
    /// few users need.
    package static let defaultContextLimit = 8192
    package static let defaultSlots = 32
    /// Tokens in a step. llama.cpp reserves memory for computing this many at once.
    private static let generationBatch = 256
    /// The max number of sequences that an engine keeps; llama.cpp's `llama_max_parallel_sequences`.
    package static let mostSequences = 256
    /// The max context length in tokens. Files and options can contain any number; with this limit, products do not overflow.
    package static let mostContext = InputLimits.standard.contextTokens

    /// The default max tokens of a text to embed. A text is computed as a whole, and the memory for that grows with the square of its length.
    private static let defaultTextLimit = 2048
    /// The tokens of texts that are computed together if no text is longer. More are not faster, because attention computes all pairs of tokens.
    private static let textBatch = 512
    private static let texts = 64

    /// Returns the shape of an engine that generates text.
    package static func generation(contextLength: Int?, trained: Int?, slots: Int?) -> EngineShape {
        let context = bounded(contextLength ?? min(trained ?? defaultContextLimit, defaultContextLimit))
        let batch = min(generationBatch, context)
        let running = min(slots ?? defaultSlots, batch)
        let sequences = min(mostSequences, running + max(running / 2, 16), batch)
        // Each sampled row takes memory for the logits of the whole vocabulary; llama.cpp requires at least one such row for each kept prefix.
        let outputs = min(batch, max(sequences, running + 16))
        return EngineShape(contextLength: context, batchTokens: batch, running: running, sequences: sequences, outputs: outputs)
    }

    /// Returns the shape of an engine that computes embeddings.
    package static func embedding(contextLength: Int?, trained: Int?) -> EngineShape {
        let context = bounded(min(contextLength ?? defaultTextLimit, trained ?? .max))
        let batch = max(textBatch, context)
        return EngineShape(contextLength: context, batchTokens: batch, running: texts, sequences: texts, outputs: batch)
    }

    private static func bounded(_ context: Int) -> Int { min(max(1, context), mostContext) }
}
