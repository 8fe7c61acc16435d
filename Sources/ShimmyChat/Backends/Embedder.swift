/// A model that computes embeddings of texts.
package protocol Embedder: Sendable {
    /// Tokenizes and checks the texts, then computes their vectors. Throws `GenerationError` or `QueueFull` before any work starts.
    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult
}

/// A model that rates how well texts answer a question.
package protocol Reranker: Sendable {
    /// Tokenizes and checks the texts, then rates them. Throws `GenerationError` or `QueueFull` before any work starts.
    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult
}
