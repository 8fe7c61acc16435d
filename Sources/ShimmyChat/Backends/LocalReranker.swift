import ShimmyCore
package import ShimmyEngine

/// A model in this process that rates pairs of texts.
package final class LocalReranker: Reranker {
    private let vocabulary: any Vocabulary
    private let engine: EmbeddingEngine
    private var contextLength: Int { engine.limits.contextLength }

    package init(vocabulary: any Vocabulary, engine: EmbeddingEngine) {
        self.vocabulary = vocabulary
        self.engine = engine
    }

    package func backend(fingerprint: String) -> Backend { engine.backend(of: vocabulary, fingerprint: fingerprint, reranker: self) }

    /// Rates pairs of the query and each document, in the form on which the model was trained. See `PairFormat`.
    @concurrent package func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        let bytes = request.documents.reduce(request.query.utf8.count) { $0 + $1.utf8.count }
        let texts = try await InputWork.run(InputWork.lane(bytes: bytes)) { [vocabulary, contextLength] budget in
            try vocabulary.checkLength(of: request.query)
            let question = try PairedQuestion(request.query, vocabulary: vocabulary, within: budget)
            return try request.documents.enumerated().map { index, document in
                try budget.check()
                try vocabulary.checkLength(of: document)
                let fewest = vocabulary.fewestTokens(bytes: document.utf8.count)
                if fewest > contextLength { throw GenerationError.inputTooLong(index, tokens: fewest, context: contextLength) }
                let tokens = try question.tokens(with: document, within: budget)
                if tokens.isEmpty { throw GenerationError.emptyInput(index) }
                guard tokens.count <= contextLength else {
                    throw GenerationError.inputTooLong(index, tokens: tokens.count, context: contextLength)
                }
                return tokens
            }
        }
        let promptTokens = texts.reduce(0) { $0 + $1.count }
        _ = try terms.admitting(promptTokens: promptTokens)
        let results = try await engine.embed(texts, owner: terms.owner)
        // The first output of a classifier. For models with the classes yes and no it is the probability of yes.
        return RerankResult(scores: results.map { $0.first ?? 0 }, promptTokens: promptTokens)
    }
}
