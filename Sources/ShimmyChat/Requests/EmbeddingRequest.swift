/// A request for embeddings of texts.
package struct EmbeddingRequest: Sendable, Equatable {
    package var inputs: [TextRequest.Prompt]
    /// The number of dimensions of each vector; nil for the model's own.
    package var dimensions: Int?

    package init(inputs: [TextRequest.Prompt], dimensions: Int? = nil) {
        self.inputs = inputs
        self.dimensions = dimensions
    }
}

package struct EmbeddingResult: Sendable, Equatable {
    /// One vector of length 1 for each input, in order.
    package var vectors: [[Float]]
    /// The number of tokens of all inputs.
    package var promptTokens: Int
}
