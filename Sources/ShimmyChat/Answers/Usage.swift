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
