import CLlama
package import ShimmyCore
package import ShimmyEngine

/// Computes embeddings with a llama.cpp context. Confined to the engine thread that created it.
package final class LlamaEmbedder: EmbeddingRunner {
    /// The way in which a model combines the tokens of a text into one result.
    package enum Pooling: Sendable {
        /// A vector: the mean of the tokens, the first one or the last one.
        case vector
        /// A score that rates how well a text answers a query.
        case rank
    }

    package let limits: EmbeddingLimits
    private let model: LlamaModel
    private let context: OpaquePointer
    private let threadpool: LlamaThreadpool
    private var batch: llama_batch
    /// The number of values in a result.
    private let resultCount: Int

    /// Returns the pooling in the model file's metadata; nil if the model has none.
    package static func pooling(of model: LlamaModel) -> Pooling? {
        guard let kind = model.metadata("pooling_type", ofArchitecture: true).flatMap(Int32.init) else { return nil }
        switch llama_pooling_type(kind) {
        case LLAMA_POOLING_TYPE_MEAN, LLAMA_POOLING_TYPE_CLS, LLAMA_POOLING_TYPE_LAST: return .vector
        case LLAMA_POOLING_TYPE_RANK: return .rank
        default: return nil
        }
    }

    /// Creates a context.
    /// Throws `LlamaError` if the model has no pooling, or if `llama_init_from_model` returns NULL, usually because memory is insufficient.
    package init(model: LlamaModel, contextLength: Int? = nil, threads: Int? = nil) throws {
        guard let pooling = Self.pooling(of: model) else { throw LlamaError(description: "the model does not create embeddings") }
        let shape = EngineShape.embedding(contextLength: contextLength, trained: model.trainedContextLength)
        let batchTokens = shape.batchTokens
        let threads = Int32(threads ?? ProcessorTopology.physicalCores)
        var parameters = llama_context_default_params()
        parameters.n_ctx = UInt32(batchTokens)
        parameters.n_batch = UInt32(batchTokens)
        parameters.n_ubatch = UInt32(batchTokens)
        parameters.n_seq_max = UInt32(shape.sequences)
        parameters.n_outputs_max = UInt32(batchTokens)
        parameters.n_threads = threads
        parameters.n_threads_batch = threads
        parameters.kv_unified = true
        parameters.embeddings = true
        parameters.no_perf = true
        guard let context = llama_init_from_model(model.pointer, parameters) else {
            throw LlamaError(description: "llama.cpp cannot create a context of \(batchTokens) tokens; its log says why")
        }
        self.model = model
        self.context = context
        threadpool = LlamaThreadpool.shared(threads: threads)
        threadpool.attach(to: context)
        batch = llama_batch_init(Int32(batchTokens), 0, 1)
        resultCount = pooling == .rank ? Int(llama_model_n_cls_out(model.pointer)) : Int(llama_model_n_embd_out(model.pointer))
        limits = EmbeddingLimits(
            contextLength: shape.contextLength, batchTokens: batchTokens, batchTexts: shape.sequences, dimensions: resultCount)
    }

    /// The memory use of the model and this context.
    package var memory: MemoryUse { MemoryUse(context, vocabulary: model.vocabulary.tokenCount, outputs: limits.batchTokens) }

    deinit {
        llama_batch_free(batch)
        llama_detach_threadpool(context)
        llama_free(context)
    }

    package func run(_ texts: [[Token]]) throws -> [[Float]] {
        var index = 0
        for (sequence, tokens) in texts.enumerated() {
            for (position, token) in tokens.enumerated() {
                batch.token[index] = token
                batch.pos[index] = llama_pos(position)
                batch.n_seq_id[index] = 1
                batch.seq_id[index]![0] = llama_seq_id(sequence)
                batch.logits[index] = 1
                index += 1
            }
        }
        batch.n_tokens = Int32(index)
        // Clear the KV cache of a decoder, which still contains the texts of the previous batch. An encoder has none.
        if let memory = llama_get_memory(context) { llama_memory_clear(memory, false) }
        let status = threadpool.decode(batch, in: context)
        guard status == 0 else { throw LlamaError(description: "llama_decode failed with status \(status) for \(index) tokens") }
        return try texts.indices.map { sequence in
            guard let result = llama_get_embeddings_seq(context, llama_seq_id(sequence)) else {
                throw LlamaError(description: "no result for text \(sequence) of a batch")
            }
            return Array(UnsafeBufferPointer(start: result, count: resultCount))
        }
    }
}

@available(*, unavailable)
extension LlamaEmbedder: Sendable {}
