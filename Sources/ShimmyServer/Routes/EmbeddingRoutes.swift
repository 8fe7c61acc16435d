import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyModels

/// `POST /v1/embeddings`, and `POST /v1/rerank` in the words of Jina and Cohere.
struct EmbeddingRoutes: Sendable {
    let models: ModelManager
    let body: JSONBodyReader

    var routes: [Route] {
        [Route(path: "/embeddings", method: .post, isOpenAI: true, handler: embed)]
            + ["/rerank", "/v1/rerank"].map { Route(path: $0, method: .post, isOpenAI: false, handler: rerank) }
    }

    @Sendable private func embed(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try EmbeddingsRequest(try await body.read(request))
        let lease = try await context.acquire(decoded.model, from: models, keepAlive: decoded.keepAlive)
        let result = try await context.untilDisconnected { [owner = context.owner] in
            do {
                return try await lease.backend.embed(decoded.embedding, terms: ServiceTerms(owner: owner))
            } catch let error as GenerationError {
                throw APIError(error, input: "input")
            }
        }
        var response = Response.json(EmbeddingEncoder.whole(result, model: decoded.model, encoding: decoded.encoding))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    @Sendable private func rerank(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try RerankingRequest(try await body.read(request))
        let lease = try await context.acquire(decoded.model, from: models)
        let result = try await context.untilDisconnected { [owner = context.owner] in
            do {
                return try await lease.backend.rerank(decoded.rerank, terms: ServiceTerms(owner: owner))
            } catch let error as GenerationError {
                throw APIError(error, input: "documents")
            }
        }
        return .json(decoded.response(result))
    }
}
