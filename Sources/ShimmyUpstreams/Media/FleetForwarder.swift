import ShimmyChat

/// A forwarder whose requests go to the replicas of a model.
struct FleetForwarder: MediaForwarder {
    let fleet: UpstreamFleet
    let offer: String

    func forward(_ request: MediaRequest, terms: ServiceTerms) async throws -> MediaAnswer {
        let context = try UpstreamContext(terms, for: offer)
        return try await fleet.forward(offer) { place in
            try await place.peer.forward(request, model: place.model, context: context)
        }
    }
}

extension MediaAnswer {
    /// Returns the answer, which keeps its place at the upstream until its end.
    func keeping(_ place: FleetPlace) -> MediaAnswer {
        var kept = self
        kept.next = { [next] in
            do {
                let bytes = try await next()
                if bytes == nil { place.end(.succeeded) }
                return bytes
            } catch {
                place.end((error as? UpstreamFailure).map { .failed($0) } ?? .abandoned)
                throw error
            }
        }
        return kept
    }
}
