package import ShimmyCore

/// A request for continuations of texts, without a chat template.
package struct TextRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Token])

        /// The size in bytes: of a text the exact size, of tokens an estimate.
        var size: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .tokens(let tokens): tokens.count * 4
            }
        }
    }

    package var prompts: [Prompt]
    /// The text after the gap to fill; nil to continue the text at its end.
    package var suffix: String?
    /// The surroundings of a gap to fill, in place of `suffix`; nil for none. The prompts are then texts without control tokens.
    package var gap: TextGap?
    /// The form of the answer; nil for an unconstrained answer.
    package var form: TextForm?
    /// The limits for the lines of the answer; nil for none.
    package var lines: LineLimits?
    /// Whether to return the tokens of the answer beside its text.
    package var wantsTokens = false
    /// The maximum number of tokens in each answer. With 0, only the prompt is computed.
    package var maximumTokens: Int
    /// Whether to reduce `maximumTokens` to the room in the context instead of rejecting the request.
    package var clampsMaximumTokens = false
    package var sampling: SamplingParameters
    package var stops: [String]
    /// The number of answers to each prompt. The answers to the first prompt come first.
    package var choices: Int
    /// Whether to return the log probabilities of the prompt's tokens.
    package var scoresPrompt = false
    /// See `ChatRequest.adapters`.
    package var adapters: [AdapterChoice]?

    package init(prompts: [Prompt], suffix: String?, maximumTokens: Int, sampling: SamplingParameters, stops: [String], choices: Int) {
        self.prompts = prompts
        self.suffix = suffix
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stops = stops
        self.choices = choices
    }

    /// Returns the request with another max number of tokens; nil for its own.
    func limited(to tokens: Int?) -> TextRequest {
        var request = self
        request.maximumTokens = tokens ?? maximumTokens
        return request
    }
}
