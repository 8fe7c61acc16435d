import ShimmyCore

/// A request to be routed.
package struct RoutedRequest: Sendable {
    package let chunks: PromptChunks
    /// The estimated number of tokens in the prompt.
    package let promptTokens: Int
    /// The estimated number of tokens in the answer.
    package let answerTokens: Int

    /// The bytes of a token of English text, for estimates.
    package static let bytesPerToken = 4
    /// The max number of tokens in an estimate.
    private static let maxTokens = 1 << 32

    package init(chunks: PromptChunks, promptTokens: Int? = nil, answerTokens: Int = 256) {
        self.chunks = chunks
        self.promptTokens = min(max(0, promptTokens ?? chunks.bytes / Self.bytesPerToken), Self.maxTokens)
        self.answerTokens = min(max(0, answerTokens), Self.maxTokens)
    }

    /// Returns the estimated number of tokens in the first chunks.
    func tokens(inChunks count: Int) -> Int {
        let bytes = count.saturated(multipliedBy: chunks.chunkBytes)
        guard bytes < chunks.bytes else { return count > 0 ? promptTokens : 0 }
        return Int(Double(promptTokens) * Double(bytes) / Double(chunks.bytes))
    }
}

/// The replicas for a request.
package struct Route: Sendable {
    /// The replicas to try, the best one first; empty if none can serve.
    package var candidates: [Candidate]
}

package struct Candidate: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable {
        /// The replica shares a prefix with the prompt.
        case prefix
        /// The replica has the least load.
        case load
        /// No replica can serve. This one may serve soonest.
        case lastResort = "last_resort"
    }

    package let replica: ReplicaID
    package let name: String
    package let reason: Reason
    /// The estimated number of the prompt's tokens that the replica has in its cache.
    package let cachedTokens: Int
}

/// A replica that cannot serve, and the reason.
package struct Refusal: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case draining
        /// The health checks fail. A suspect replica still serves if there is no other one.
        case unhealthy(String), suspect(String)
        /// The circuit breaker is open, or the upstream asked for a pause.
        case open(until: ContinuousClock.Instant)
        /// The circuit breaker waits for the outcome of one request.
        case probing
        /// The replica has as many requests as it may have.
        case full(Int)
    }

    package let replica: ReplicaID
    package let name: String
    package let reason: Reason
}

/// A request that a replica serves. `Router.finished` takes it back.
package struct Flight: Hashable, Sendable {
    package let replica: ReplicaID
    /// The tokens that the flight counts for in the replica's load.
    var tokens: Int
    let answerTokens: Int
    /// Whether the breaker waits for the flight's outcome.
    var isProbe: Bool
}

/// The outcome of a request, as far as it tells about the replica.
package enum FlightOutcome: Hashable, Sendable {
    /// The replica answered. This includes errors that the request itself caused.
    case succeeded
    /// The replica failed.
    case failed(retryAfter: Duration?)
    /// The request ended for another reason, such as a disconnected client.
    case abandoned
}
