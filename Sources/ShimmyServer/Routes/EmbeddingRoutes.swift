import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyService

/// `POST /v1/embeddings`, `POST /v1/rerank` with Jina's API, and `POST /v2/rerank` with Cohere's.
struct EmbeddingRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader

    var routes: [Route] {
        [
            Route(.post, "/embeddings", .load, handler: embed),
            Route(.post, "/rerank", .load) { try await rerank($0, .jina, $1) },
            Route(own: .post, "/v2/rerank", .load, prefixes: .none) { try await rerank($0, .cohere, $1) },
        ]
    }

    @Sendable private func embed(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try EmbeddingsRequest($0) }
        let result = try await context.untilDisconnected { [service, caller = context.caller] in try await service.embed(decoded, caller) }
        var response = Response.json(EmbeddingEncoder.whole(result, model: decoded.model, encoding: decoded.encoding))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    private func rerank(
        _ request: Request, _ dialect: RerankingRequest.Dialect, _ context: ShimmyRequestContext
    ) async throws -> Response {
        let decoded = try await body.read(request, context) { try RerankingRequest($0, dialect: dialect) }
        let result = try await context.untilDisconnected { [service, caller = context.caller] in try await service.rerank(decoded, caller) }
        var response = Response.json(decoded.response(result))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }
}
