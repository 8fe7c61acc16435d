package import ShimmyEngine

extension EmbeddingEngine: EngineInspection {
    /// Returns the model of this engine with one of the two roles. Its shutdown ends the engine.
    func backend(
        of vocabulary: any Vocabulary, fingerprint: String, embedder: (any Embedder)? = nil, reranker: (any Reranker)? = nil
    ) -> Backend {
        Backend(
            contextLength: limits.contextLength, fingerprint: fingerprint, embedder: embedder, reranker: reranker,
            tokenizer: LocalTokenizer(vocabulary: vocabulary), engine: self, shutdown: shutdown)
    }
}
