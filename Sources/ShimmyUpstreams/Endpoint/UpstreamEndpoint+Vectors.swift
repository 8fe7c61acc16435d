package import ShimmyChat
import ShimmyCore
import ShimmyJSON

extension UpstreamEndpoint {
    /// Requests embeddings of texts. The vectors have the length 1, as those of local models.
    package func embed(
        _ request: EmbeddingRequest, model: String, terms: ServiceTerms, context: UpstreamContext
    ) async throws -> EmbeddingResult {
        if !kind.embeds { throw unsupported("input") }
        let hasTokens = request.inputs.contains { if case .tokens = $0 { true } else { false } }
        if hasTokens, !UpstreamFields.of(kind).takesTokens { throw unsupported("input") }
        var body: JSONObject = ["model": .string(model), "input": .array(request.inputs.map(TextCall.json)), "encoding_format": "float"]
        if let dimensions = request.dimensions { body["dimensions"] = .int(dimensions) }
        if request.truncates, kind == .vllm { body["truncate_prompt_tokens"] = -1 }
        if let user = context.user { body["user"] = .string(user) }
        let json = try await json("/v1/embeddings", settings.applied(to: body), context: context, within: settings.firstByteSeconds)
        let reader = VectorReader(upstream: settings.name)
        return try await WorkerPool.input.run(InputWork.lane(bytes: request.inputs.count.saturated(multipliedBy: 1 << 13))) { _ in
            var result = try reader.embeddings(json, for: request)
            if result.promptTokens == 0 { result.promptTokens = UsageEstimate.tokens(of: request.inputs) }
            return result
        }
    }

    /// Requests ratings of documents.
    package func rerank(
        _ request: RerankRequest, model: String, terms: ServiceTerms, context: UpstreamContext
    ) async throws -> RerankResult {
        if !kind.ranks || UpstreamHost.of(settings.url) == UpstreamHost.openAI { throw unsupported("documents") }
        var body: JSONObject = ["model": .string(model), "query": .string(request.query)]
        body["documents"] = .array(request.documents.map(JSON.string))
        body["top_n"] = .int(request.documents.count)
        let json = try await json("/v1/rerank", settings.applied(to: body), context: context, within: settings.firstByteSeconds)
        var result = try VectorReader(upstream: settings.name).ratings(json, count: request.documents.count)
        if result.promptTokens == 0 {
            // The query is read with each document.
            let bytes = request.documents.reduce(0) { $0.saturated(adding: $1.utf8.count.saturated(adding: request.query.utf8.count)) }
            result.promptTokens = UsageEstimate.tokens(bytes: bytes)
        }
        return result
    }
}

extension UpstreamSettings {
    /// Returns a body without the dropped fields and with the added ones.
    func applied(to body: JSONObject) -> JSON {
        var call = UpstreamCall(path: "", bodies: [body], choicesPerBody: 1)
        call.apply(self)
        return .object(call.bodies[0])
    }
}
