package import ShimmyAPI
import ShimmyAccounts
package import ShimmyChat
import ShimmyModels

extension InferenceService {
    package func embed(_ request: EmbeddingsRequest, _ caller: Caller) async throws -> EmbeddingResult {
        try await charging(caller, .embeddings) { caller in
            let lease = try await acquire(request.model, for: .embeddings, keepAlive: request.keepAlive)
            caller.note(lease)
            do {
                let result = try await lease.embedder.embed(request.embedding, terms: caller.terms())
                caller.note(promptTokens: result.promptTokens)
                return result
            } catch let error as GenerationError {
                throw APIError(error, input: "input")
            }
        }
    }

    package func rerank(_ request: RerankingRequest, _ caller: Caller) async throws -> RerankResult {
        try await charging(caller, .rerank) { caller in
            let lease = try await acquire(request.model, for: .rerank, keepAlive: request.keepAlive)
            caller.note(lease)
            do {
                let result = try await lease.reranker.rerank(request.rerank, terms: caller.terms())
                caller.note(promptTokens: result.promptTokens)
                return result
            } catch let error as GenerationError {
                throw APIError(error, input: "documents")
            }
        }
    }
}

extension Caller {
    /// Notes the model of work that generates nothing.
    fileprivate func note(_ lease: ModelLease) {
        request?.note(model: lease.record.id)
        charge?.note(model: lease.record.id)
    }

    /// Notes the tokens of work that has succeeded and generates nothing.
    fileprivate func note(promptTokens: Int) {
        request?.note(promptTokens: promptTokens)
        charge?.end(.prompt(promptTokens))
    }
}
