/// A request for embeddings of texts.
package struct EmbeddingRequest: Sendable, Equatable {
    package var inputs: [TextRequest.Prompt]
    /// The number of dimensions of each vector; nil for the model's own.
    package var dimensions: Int?
    /// Whether to cut the end of an input that does not fit into the context instead of rejecting the request.
    package var truncates: Bool

    package init(inputs: [TextRequest.Prompt], dimensions: Int? = nil, truncates: Bool = false) {
        self.inputs = inputs
        self.dimensions = dimensions
        self.truncates = truncates
    }
}

package struct EmbeddingResult: Sendable, Equatable {
    /// One vector of length 1 for each input, in order.
    package var vectors: [[Float]]
    /// The number of tokens of all inputs.
    package var promptTokens: Int

    package init(vectors: [[Float]], promptTokens: Int) {
        self.vectors = vectors
        self.promptTokens = promptTokens
    }
}
