import ShimmyCore
package import ShimmyEngine

/// A model in this process that computes embeddings of texts.
package final class LocalEmbedder: Embedder {
    private let vocabulary: any Vocabulary
    private let engine: EmbeddingEngine
    private var contextLength: Int { engine.limits.contextLength }

    package init(vocabulary: any Vocabulary, engine: EmbeddingEngine) {
        self.vocabulary = vocabulary
        self.engine = engine
    }

    package func backend(fingerprint: String) -> Backend { engine.backend(of: vocabulary, fingerprint: fingerprint, embedder: self) }

    @concurrent package func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
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
}
