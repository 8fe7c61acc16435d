/// A model that computes embeddings of texts.
package protocol Embedder: Sendable {
    /// Tokenizes and checks the texts, then computes their vectors. Throws `GenerationError` or `QueueFull` before any work starts.
    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult
}
