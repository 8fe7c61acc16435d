package import ShimmyCore

/// The token counts of a request, for all API dialects.
package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    /// The number of prompt tokens that were cached.
    package var cachedPromptTokens: Int
    package var completionTokens: Int
    /// The number of completion tokens that were reasoning.
    package var reasoningTokens: Int
    /// The numbers of accepted and rejected tokens of the client's prediction.
    package var prediction: PredictionCount
    package var source = Source.reported

    /// The origin of the counts.
    package enum Source: String, Sendable {
        /// The model or the upstream server that made the answer.
        case reported
        /// The upstream server reports no counts; its tokenizer counted the texts.
        case counted
        /// The upstream server reports no counts and has no tokenizer; the numbers follow from the sizes of the texts.
        case estimated
    }

    package init(
        promptTokens: Int, cachedPromptTokens: Int, completionTokens: Int, reasoningTokens: Int = 0, prediction: PredictionCount = .init()
    ) {
        self.reasoningTokens = reasoningTokens
        self.prediction = prediction
        self.promptTokens = promptTokens
        self.cachedPromptTokens = cachedPromptTokens
        self.completionTokens = completionTokens
    }
}
