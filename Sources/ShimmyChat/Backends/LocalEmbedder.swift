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
                return try tokens(of: input, at: index, truncates: request.truncates, budget)
            }
        }
        let promptTokens = texts.reduce(0) { $0 + $1.count }
        _ = try terms.admitting(promptTokens: promptTokens)
        let vectors = try await engine.embed(texts, owner: terms.owner).map { vector in
            Self.normalized(Array(vector.prefix(request.dimensions ?? size)))
        }
        return EmbeddingResult(vectors: vectors, promptTokens: promptTokens)
    }

    private func tokens(of input: TextRequest.Prompt, at index: Int, truncates: Bool, _ budget: WorkBudget) throws -> [Token] {
        let tokens: [Token]
        switch input {
        case .text(let given):
            let text = truncates ? beginning(of: given) : given
            let fewest = vocabulary.fewestTokens(bytes: text.utf8.count)
            if fewest > contextLength, !truncates { throw GenerationError.inputTooLong(index, tokens: fewest, context: contextLength) }
            try vocabulary.checkLength(of: text)
            tokens = try vocabulary.tokenize(text, addSpecial: true, parseSpecial: false, within: budget)
        case .tokens(let given):
            tokens = given
            if let unknown = given.first(where: { !vocabulary.contains($0) }) {
                throw GenerationError.unknownPromptToken(prompt: index, unknown)
            }
        }
        if tokens.isEmpty { throw GenerationError.emptyInput(index) }
        if tokens.count <= contextLength { return tokens }
        guard truncates else { throw GenerationError.inputTooLong(index, tokens: tokens.count, context: contextLength) }
        // A control token at the end, such as BERT's separator, stays there.
        let mark = tokens.suffix(1).filter { vocabulary.piece(of: $0).isEmpty }
        return Array(tokens.prefix(contextLength - mark.count)) + mark
    }

    /// Returns the beginning of a text that certainly has more tokens than the context, without which a cut text would take as long as the whole.
    private func beginning(of text: String) -> String {
        guard let longest = vocabulary.longestToken else { return text }
        let most = (contextLength + 64).saturated(multipliedBy: longest)
        return text.utf8.count <= most ? text : String(decoding: text.utf8.prefix(most), as: UTF8.self)
    }

    /// Returns the vector scaled to length 1; a zero vector is returned unchanged.
    private static func normalized(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? vector.map { Float(Double($0) / length) } : vector
    }
}
