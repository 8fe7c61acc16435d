package import ShimmyCore

/// Computes vectors of texts with a model. It lives on the engine's thread and is never touched from elsewhere.
package protocol EmbeddingRunner {
    var limits: EmbeddingLimits { get }

    /// One vector for each text, in order: the model's pooling of its tokens, or the one number of a model that judges.
    /// - texts: together no more tokens, and no more texts, than the limits allow.
    mutating func run(_ texts: [[Token]]) throws -> [[Float]]
}

/// What an embedding runner can do at once.
package struct EmbeddingLimits: Sendable, Equatable {
    /// Tokens of one text.
    package var contextLength: Int
    /// Tokens of all texts of a batch.
    package var batchTokens: Int
    /// Texts of a batch.
    package var batchTexts: Int
    /// Numbers of a vector.
    package var dimensions: Int

    package init(contextLength: Int, batchTokens: Int, batchTexts: Int, dimensions: Int) {
        precondition(contextLength > 0 && batchTokens >= contextLength && batchTexts > 0)
        self.contextLength = contextLength
        self.batchTokens = batchTokens
        self.batchTexts = batchTexts
        self.dimensions = dimensions
    }
}
