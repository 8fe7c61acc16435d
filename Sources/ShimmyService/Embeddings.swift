package import ShimmyAPI
import ShimmyAccounts
package import ShimmyChat
import ShimmyModels

extension InferenceService {
    package func embed(_ request: EmbeddingsRequest, _ caller: Caller) async throws -> EmbeddingResult {
        try await charging(caller, .embeddings) { caller in
            let lease = try await acquire(request.model, for: .embeddings, keepAlive: request.keepAlive)
            return try await embed(request.embedding, on: lease, caller) { APIError($0, input: "input") }
        }
    }

    package func rerank(_ request: RerankingRequest, _ caller: Caller) async throws -> RerankResult {
        try await charging(caller, .rerank) { caller in
            let lease = try await acquire(request.model, for: .rerank, keepAlive: request.keepAlive)
            return try await recorded(lease, caller, failed: { APIError($0, input: "documents") }) {
                let result = try await lease.reranker.rerank(request.rerank, terms: caller.terms())
                return (value: result, promptTokens: result.promptTokens)
            }
        }
    }

    /// Computes embeddings for a request of any API.
    /// - failed: returns the API's error for an error of the model.
    func embed(
        _ request: EmbeddingRequest, on lease: ModelLease, _ caller: Caller, failed: (GenerationError) -> APIError
    ) async throws -> EmbeddingResult {
        try await recorded(lease, caller, failed: failed) {
            let result = try await lease.embedder.embed(request, terms: caller.terms())
            return (value: result, promptTokens: result.promptTokens)
        }
    }

    /// Does work that generates nothing. Records its model and its tokens, in the facts of the request and in its account.
    private func recorded<Value: Sendable>(
        _ lease: ModelLease, _ caller: Caller, failed: (GenerationError) -> APIError,
        _ work: () async throws -> (value: Value, promptTokens: Int)
    ) async throws -> Value {
        caller.request?.note(model: lease.record.id)
        caller.charge?.note(model: lease.record.id)
        do {
            let (value, promptTokens) = try await work()
            caller.request?.note(promptTokens: promptTokens)
            caller.charge?.end(.prompt(promptTokens))
            return value
        } catch let error as GenerationError {
            throw failed(error)
        } catch let failure as UpstreamFailure {
            throw APIError(failure, failed: failed)
        }
    }
}
