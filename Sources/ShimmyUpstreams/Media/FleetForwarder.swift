import ShimmyChat
import Synchronization

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

extension UpstreamFleet {
    /// Begins an answer to a request for media at one of a model's replicas. Such a request can be expensive, so that the next replica is asked only
    /// if the failed one has certainly done nothing. The answer keeps its place until it ends.
    func forward(_ offer: String, _ work: (FleetPlace) async throws -> MediaAnswer) async throws -> MediaAnswer {
        var attempts = FleetAttempts(need(offer, FleetPrompt()))
        while true {
            let place = try await place(for: attempts)
            do {
                let answer = try await work(place)
                state.withLock { $0.answered(place.number, at: .now) }
                grantPlaces()
                return answer.keeping(place)
            } catch {
                if let failure = error as? UpstreamFailure, failure.mayHaveHadEffect {
                    place.end(.failed(failure))
                    throw failure
                }
                try attempts.failed(at: place, error, self)
            }
        }
    }
}

extension UpstreamFailure {
    /// Whether the upstream may have begun the work, although it failed.
    fileprivate var mayHaveHadEffect: Bool {
        switch reason {
        case .timedOut, .unreadable, .interrupted: true
        case .failed(let status): status != FleetAttempts.loopDetected
        case .refused, .unauthorized, .busy, .unreachable, .noReplica, .unsupported, .loop: false
        }
    }
}

extension MediaAnswer {
    /// Returns the answer, which keeps its place at the upstream until its end.
    fileprivate func keeping(_ place: FleetPlace) -> MediaAnswer {
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
