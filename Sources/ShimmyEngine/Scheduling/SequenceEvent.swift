package import ShimmyCore

/// An event that a step produced for one sequence.
package enum SequenceEvent: Sendable, Equatable {
    /// The prompt is computed. The first token follows, unless the request generates nothing.
    case started(SequenceID, PromptStart)
    /// The log probabilities of this many more prompt tokens, or of all probes, are available.
    case scored(SequenceID, Int)
    case token(SequenceID, Token)
    case finished(SequenceID, SequenceEnd)
    case failed(SequenceID, String)
}

/// The part of a prompt that was in the cache.
package struct PromptStart: Sendable, Equatable {
    package var cachedTokens: Int
    package var divergence: Divergence?
    /// The time of the first step that computed a part of the prompt; nil if it is unknown.
    package var begun: ContinuousClock.Instant?

    package init(cachedTokens: Int, divergence: Divergence? = nil) {
        self.cachedTokens = cachedTokens
        self.divergence = divergence
    }
}

/// The end of a sequence: its reason and its token counts.
package struct SequenceEnd: Sendable, Equatable {
    package var reason: FinishReason
    /// The number of generated tokens, including an EOG token.
    package var generated: Int
    package var prediction: PredictionCount

    package init(reason: FinishReason, generated: Int, prediction: PredictionCount = .init()) {
        self.reason = reason
        self.generated = generated
        self.prediction = prediction
    }
}
