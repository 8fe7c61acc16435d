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
    /// The tokens of an earlier answer that did not have the requested form. The other counts do not include them.
    package var rejected = Rejected()

    /// Token counts of an answer that was computed, but that the client does not get.
    package struct Rejected: Sendable, Equatable {
        package var promptTokens = 0
        package var cachedPromptTokens = 0
        package var completionTokens = 0
        package var reasoningTokens = 0

        package init() {}

        package mutating func add(_ usage: Usage) {
            promptTokens = promptTokens.saturated(adding: usage.promptTokens)
            cachedPromptTokens = cachedPromptTokens.saturated(adding: usage.cachedPromptTokens)
            completionTokens = completionTokens.saturated(adding: usage.completionTokens)
            reasoningTokens = reasoningTokens.saturated(adding: usage.reasoningTokens)
        }
    }

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

    /// The counts of everything that was computed, which an account is charged for.
    package var withRejected: Usage {
        var (sum, all) = (self, rejected)
        all.add(self)
        (sum.promptTokens, sum.cachedPromptTokens) = (all.promptTokens, all.cachedPromptTokens)
        (sum.completionTokens, sum.reasoningTokens) = (all.completionTokens, all.reasoningTokens)
        sum.rejected = Rejected()
        return sum
    }
}
