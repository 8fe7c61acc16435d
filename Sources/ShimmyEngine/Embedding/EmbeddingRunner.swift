package import ShimmyCore

/// A model that computes embeddings of texts. It lives on the engine's thread, and no other thread accesses it.
package protocol EmbeddingRunner {
    var limits: EmbeddingLimits { get }

    /// Returns one embedding for each text, in order: the model's pooling of the text's tokens, or the single score of a reranking model.
    /// - texts: together within the limits on tokens and on texts.
    mutating func run(_ texts: [[Token]]) throws -> [[Float]]
}

/// The limits of an embedding runner.
package struct EmbeddingLimits: Sendable, Equatable {
    /// The max number of tokens of one text.
    package var contextLength: Int
    /// The max number of tokens of all texts of a batch.
    package var batchTokens: Int
    /// The max number of texts of a batch.
    package var batchTexts: Int
    /// The number of dimensions of an embedding.
    package var dimensions: Int

    package init(contextLength: Int, batchTokens: Int, batchTexts: Int, dimensions: Int) {
        precondition(contextLength > 0 && batchTokens >= contextLength && batchTexts > 0)
        self.contextLength = contextLength
        self.batchTokens = batchTokens
        self.batchTexts = batchTexts
        self.dimensions = dimensions
    }
}
