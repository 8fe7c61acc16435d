package import ShimmyCore
package import ShimmyEngine

/// A model in this process that computes embeddings of texts or rates pairs of texts.
package final class EmbeddingBackend: Backend {
    package let fingerprint: String
    package let capability: Capability
    private let vocabulary: any Vocabulary
    private let engine: EmbeddingEngine

    /// Creates a backend that takes ownership of `engine`.
    /// - judges: whether the model is made for reranking.
    package init(vocabulary: any Vocabulary, engine: EmbeddingEngine, judges: Bool, fingerprint: String) {
        self.vocabulary = vocabulary
        self.engine = engine
        self.fingerprint = fingerprint
        capability = judges ? .rerank : .embeddings
    }

    package var contextLength: Int { engine.limits.contextLength }
    package var statistics: EngineStatistics { engine.statistics }
    package var tokenizer: TokenizerFacts { TokenizerFacts(vocabulary, template: "") }

    @concurrent package func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
        guard capability == .embeddings else { throw GenerationError.wrongKind(asked: .embeddings, can: capability) }
        let size = engine.limits.dimensions
        if let wanted = request.dimensions, wanted > size { throw GenerationError.tooManyDimensions(wanted, most: size) }
        let bytes = request.inputs.reduce(0) { $0 + $1.size }
        let texts = try await InputWork.run(InputWork.lane(bytes: bytes)) { [self] budget in
            try request.inputs.enumerated().map { index, input in
                try budget.check()
                return try tokens(of: input, at: index)
            }
        }
        let vectors = try await engine.embed(texts, owner: terms.owner).map { vector in
            Self.normalized(Array(vector.prefix(request.dimensions ?? size)))
        }
        return EmbeddingResult(vectors: vectors, promptTokens: texts.reduce(0) { $0 + $1.count })
    }

    /// Rates pairs of the query and each document, in the form on which the model was trained. See `PairFormat`.
    @concurrent package func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        guard capability == .rerank else { throw GenerationError.wrongKind(asked: .rerank, can: capability) }
        let bytes = request.documents.reduce(request.query.utf8.count) { $0 + $1.utf8.count }
        let texts = try await InputWork.run(InputWork.lane(bytes: bytes)) { [vocabulary, contextLength] budget in
            try vocabulary.checkLength(of: request.query)
            let question = PairedQuestion(request.query, vocabulary: vocabulary)
            return try request.documents.enumerated().map { index, document in
                try budget.check()
                try vocabulary.checkLength(of: document)
                let fewest = vocabulary.fewestTokens(bytes: document.utf8.count)
                if fewest > contextLength { throw GenerationError.inputTooLong(index, tokens: fewest, context: contextLength) }
                let tokens = question.tokens(with: document)
                if tokens.isEmpty { throw GenerationError.emptyInput(index) }
                guard tokens.count <= contextLength else {
                    throw GenerationError.inputTooLong(index, tokens: tokens.count, context: contextLength)
                }
                return tokens
            }
        }
        let results = try await engine.embed(texts, owner: terms.owner)
        // The first output of a classifier. For models with the classes yes and no it is the probability of yes.
        return RerankResult(scores: results.map { $0.first ?? 0 }, promptTokens: texts.reduce(0) { $0 + $1.count })
    }

    private func tokens(of input: TextRequest.Prompt, at index: Int) throws(GenerationError) -> [Token] {
        let tokens: [Token]
        switch input {
        case .text(let text):
            let fewest = vocabulary.fewestTokens(bytes: text.utf8.count)
            if fewest > contextLength { throw .inputTooLong(index, tokens: fewest, context: contextLength) }
            try vocabulary.checkLength(of: text)
            tokens = vocabulary.tokenize(text, addSpecial: true, parseSpecial: false)
        case .tokens(let given):
            tokens = given
            if let unknown = given.first(where: { !vocabulary.contains($0) }) {
                throw .unknownPromptToken(prompt: index, unknown)
            }
        }
        if tokens.isEmpty { throw .emptyInput(index) }
        if tokens.count > contextLength { throw .inputTooLong(index, tokens: tokens.count, context: contextLength) }
        return tokens
    }

    /// Returns the vector scaled to length 1; a zero vector is returned unchanged.
    private static func normalized(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? vector.map { Float(Double($0) / length) } : vector
    }

    // MARK: Unsupported operations

    package func prepare(_ conversation: Conversation) async throws -> PreparedPrompt { throw wrongKind }
    package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer { throw wrongKind }
    package func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer { throw wrongKind }
    private var wrongKind: GenerationError { .wrongKind(asked: .chat, can: capability) }

    @concurrent package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token] {
        try await InputWork.run(InputWork.lane(bytes: text.utf8.count)) { [vocabulary] _ in
            try vocabulary.checkLength(of: text)
            return vocabulary.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        }
    }

    @concurrent package func pieces(of tokens: [Token]) async throws -> [[UInt8]?] {
        try await InputWork.run(InputWork.lane(bytes: tokens.count * 8)) { [vocabulary] _ in vocabulary.pieces(of: tokens) }
    }

    package func shutdown() async { await engine.shutdown() }
}
