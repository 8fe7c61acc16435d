import ShimmyCore

/// The tokenizer of a model in this process.
struct LocalTokenizer: TokenizerAccess {
    let vocabulary: any Vocabulary
    /// The model's chat template in Jinja; empty without one.
    var template = ""

    var facts: TokenizerFacts { TokenizerFacts(vocabulary, template: template) }

    @concurrent func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token] {
        try await InputWork.run(InputWork.lane(bytes: text.utf8.count)) { [vocabulary] budget in
            try vocabulary.checkLength(of: text)
            return try vocabulary.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial, within: budget)
        }
    }

    @concurrent func pieces(of tokens: [Token]) async throws -> [[UInt8]?] {
        try await InputWork.run(InputWork.lane(bytes: tokens.count * 8)) { [vocabulary] _ in vocabulary.pieces(of: tokens) }
    }
}
