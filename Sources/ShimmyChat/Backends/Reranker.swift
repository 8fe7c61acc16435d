/// A model that rates how well texts answer a question.
package protocol Reranker: Sendable {
    /// Tokenizes and checks the texts, then rates them. Throws `GenerationError` or `QueueFull` before any work starts.
    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult
}
