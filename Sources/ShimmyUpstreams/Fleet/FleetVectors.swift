import ShimmyChat

/// An embedder whose vectors come from the replicas of a model.
struct FleetEmbedder: Embedder {
    let fleet: UpstreamFleet
    let offer: String

    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
        let context = try UpstreamContext(terms, for: offer)
        let prompt = FleetPrompt(request.inputs)
        _ = try terms.admitting(promptTokens: prompt.estimatedTokens)
        return try await fleet.call(offer, prompt) { place in
            try await place.peer.embed(request, model: place.model, terms: terms, context: context)
        }
    }
}

/// A reranker whose scores come from the replicas of a model.
struct FleetReranker: Reranker {
    let fleet: UpstreamFleet
    let offer: String

    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        let context = try UpstreamContext(terms, for: offer)
        let prompt = FleetPrompt(texts: [request.query] + request.documents)
        _ = try terms.admitting(promptTokens: prompt.estimatedTokens)
        return try await fleet.call(offer, prompt) { place in
            try await place.peer.rerank(request, model: place.model, terms: terms, context: context)
        }
    }
}
