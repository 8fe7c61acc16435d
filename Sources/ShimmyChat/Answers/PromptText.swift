import ShimmyCore

/// A prompt with the texts of its tokens.
struct PromptText: Sendable {
    /// All tokens of the prompt, including BOS.
    private let tokens: [Token]
    /// The index of the first token of the text itself, after the tokens that the model expects before a text (BOS).
    private let first: Int
    private let pieces: [[UInt8]]
    private let vocabulary: any Vocabulary

    init(tokens: [Token], of prompt: TextRequest.Prompt, vocabulary: any Vocabulary, within budget: WorkBudget) throws {
        self.tokens = tokens
        self.vocabulary = vocabulary
        guard case .text(let text) = prompt else {
            first = 0
            pieces = tokens.map { vocabulary.piece(of: $0, special: true) }
            return
        }
        let beginning = vocabulary.beginning
        let plain = try vocabulary.tokenize(text, addSpecial: false, parseSpecial: true, within: budget)
        let isAdded = tokens.starts(with: beginning) && tokens.count > plain.count
        first = isAdded ? beginning.count : 0
        var pieces = tokens.dropFirst(first).map { vocabulary.piece(of: $0, special: true) }
        // Some tokenizers insert a space before a text.
        if let piece = pieces.first, piece.first == 0x20, text.utf8.first != 0x20 { pieces[0] = Array(piece.dropFirst()) }
        self.pieces = pieces
    }

    /// Returns the tokens of the text with their probabilities.
    /// - logprobs: the log probabilities of all tokens except the first.
    func tokens(with logprobs: [TokenLogprobs]) -> [PromptToken] {
        pieces.enumerated().map { index, piece in
            let place = first + index - 1
            let logprobs = logprobs.indices.contains(place) ? logprobs[place] : nil
            return PromptToken(bytes: piece, probability: logprobs.map { TokenProbability($0, vocabulary) })
        }
    }
}
