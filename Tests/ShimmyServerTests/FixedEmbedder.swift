import ShimmyChat
import ShimmyTestSupport

/// An embedder whose vectors are all the same.
struct FixedEmbedder: Embedder {
    let vector: [Float]

    /// Returns a backend with no other role.
    static func backend(_ vector: [Float]) -> Backend {
        let tools = FakeBackend()
        return Backend(contextLength: 16, fingerprint: "fp", embedder: FixedEmbedder(vector: vector), tokenizer: tools, engine: tools) {}
    }

    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
        EmbeddingResult(vectors: request.inputs.map { _ in vector }, promptTokens: request.inputs.count)
    }
}
