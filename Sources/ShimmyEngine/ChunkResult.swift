package import ShimmyCore

/// The result of one chunk of a batch.
package struct ChunkResult: Sendable, Equatable {
    /// For a chunk that samples: the token after its last known one and, for each accepted drafted token, the token after that. Tokens that a
    /// constraint forces follow without being computed.
    package var tokens: [Token]
    /// Whether no token can follow, although the model has not ended the text, because its constraint allows none.
    package var isExhausted: Bool
    /// The reason why the sequence cannot continue; nil when it can. A failed chunk has no tokens.
    package var failure: String?

    package init(tokens: [Token] = [], isExhausted: Bool = false, failure: String? = nil) {
        self.tokens = tokens
        self.isExhausted = isExhausted
        self.failure = failure
    }
}
