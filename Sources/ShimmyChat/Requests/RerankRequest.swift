/// A request to rate how well documents answer a query.
package struct RerankRequest: Sendable, Equatable {
    package var query: String
    package var documents: [String]

    package init(query: String, documents: [String]) {
        self.query = query
        self.documents = documents
    }
}

package struct RerankResult: Sendable, Equatable {
    /// One score for each document, in order. A higher score is better.
    package var scores: [Float]
    package var promptTokens: Int

    package init(scores: [Float], promptTokens: Int) {
        self.scores = scores
        self.promptTokens = promptTokens
    }
}
