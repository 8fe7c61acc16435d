package import ShimmyAPI
package import ShimmyChat
import ShimmyModels

extension InferenceService {
    package func embed(_ request: EmbeddingsRequest, _ caller: Caller) async throws -> EmbeddingResult {
        let lease = try await acquire(request.model, for: .embeddings, keepAlive: request.keepAlive)
        caller.request?.note(model: lease.record.id)
        do {
            let result = try await lease.embedder.embed(request.embedding, terms: caller.terms())
            caller.request?.note(promptTokens: result.promptTokens)
            return result
        } catch let error as GenerationError {
            throw APIError(error, input: "input")
        }
    }

    package func rerank(_ request: RerankingRequest, _ caller: Caller) async throws -> RerankResult {
        let lease = try await acquire(request.model, for: .rerank, keepAlive: request.keepAlive)
        caller.request?.note(model: lease.record.id)
        do {
            let result = try await lease.reranker.rerank(request.rerank, terms: caller.terms())
            caller.request?.note(promptTokens: result.promptTokens)
            return result
        } catch let error as GenerationError {
            throw APIError(error, input: "documents")
        }
    }
}
