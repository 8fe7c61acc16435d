package import ShimmyChat

extension UpstreamFleet {
    /// The context length of a model whose upstream does not say it: longer than any prompt.
    package static let unknownContext = Int(Int32.max)

    /// Returns the backend of a model; nil if no upstream has it any more.
    /// - id: the id of an offer.
    package func backend(_ id: String) -> Backend? {
        guard let offer = catalog.offer(id) else { return nil }
        let context = offer.contextLength ?? Self.unknownContext
        var backend = Backend(
            contextLength: context, fingerprint: UpstreamFingerprint.of("", model: offer.id),
            generator: offer.role == .chat ? generator(offer, context) : nil,
            embedder: offer.role == .embeddings ? FleetEmbedder(fleet: self, offer: id) : nil,
            reranker: offer.role == .rerank ? FleetReranker(fleet: self, offer: id) : nil,
            tokenizer: FleetTokenizer(fleet: self, offer: id), engine: FleetInspection(fleet: self, offer: id)
        ) {}
        backend.isContextUnknown = offer.contextLength == nil
        backend.forwarder = FleetForwarder(fleet: self, offer: id)
        return backend
    }

    private func generator(_ offer: UpstreamOffer, _ context: Int) -> FleetGenerator {
        FleetGenerator(
            fleet: self, offer: offer.id, contextLength: context, lacksReasoning: offer.lacksReasoning,
            readsImages: offer.abilities.contains("vision"))
    }
}
