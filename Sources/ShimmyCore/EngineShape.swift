/// How large an engine is: what it computes at once and what it keeps. Told without a model, so that its memory can be told too.
package struct EngineShape: Sendable, Equatable {
    /// Tokens of context that all sequences share.
    package let contextLength: Int
    /// Tokens of a step at most.
    package let batchTokens: Int
    /// Sequences that run at once.
    package let running: Int
    /// Sequences whose tokens are kept, running ones included.
    package let sequences: Int
    /// Rows of a step that have a result: logits, or a vector.
    package let outputs: Int

    /// Without a request for more: models trained on 128k tokens would take gigabytes for a KV cache that few need.
    package static let defaultContextLimit = 8192
    package static let defaultSlots = 32
    /// llama.cpp reserves memory for computing this many at once.
    private static let generationBatch = 256
    /// `llama_max_parallel_sequences` of llama.cpp.
    private static let mostSequences = 256
    /// Tokens of the longest context. Files and options may say any number; products of this one stay numbers.
    package static let mostContext = 1 << 24

    /// Texts are computed whole, and that takes memory by the square of their length.
    private static let defaultTextLimit = 2048
    /// Tokens of texts that are computed at once, where no text is longer: attention looks at all pairs of them, so more are not faster.
    private static let textBatch = 512
    private static let texts = 64

    /// Of an engine that continues texts.
    package static func generation(contextLength: Int?, trained: Int?, slots: Int?) -> EngineShape {
        let context = bounded(contextLength ?? min(trained ?? defaultContextLimit, defaultContextLimit))
        let batch = min(generationBatch, context)
        let running = min(slots ?? defaultSlots, batch)
        let sequences = min(mostSequences, running + max(running / 2, 16), batch)
        // Each row that is sampled from takes memory for the logits of the whole vocabulary; llama.cpp asks for one for each prefix.
        let outputs = min(batch, max(sequences, running + 16))
        return EngineShape(contextLength: context, batchTokens: batch, running: running, sequences: sequences, outputs: outputs)
    }

    /// Of an engine that makes vectors of texts.
    package static func embedding(contextLength: Int?, trained: Int?) -> EngineShape {
        let context = bounded(min(contextLength ?? defaultTextLimit, trained ?? .max))
        let batch = max(textBatch, context)
        return EngineShape(contextLength: context, batchTokens: batch, running: texts, sequences: texts, outputs: batch)
    }

    private static func bounded(_ context: Int) -> Int { min(max(1, context), mostContext) }
}
