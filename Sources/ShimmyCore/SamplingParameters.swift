/// The parameters for sampling the next token from the logits. The defaults are OpenAI's.
package struct SamplingParameters: Sendable, Equatable {
    /// The divisor of the logits; 0 means greedy sampling.
    package var temperature: Float
    /// Keeps the smallest set of most likely tokens whose total probability reaches this value (0 to 1).
    package var topP: Float
    /// The random seed, which makes the draws repeatable; nil draws a new seed for each generation.
    package var seed: Int64?
    /// Subtracted from a token's logit for each time that the token was generated.
    package var frequencyPenalty: Float = 0
    /// Subtracted from a token's logit if the token was generated at least once.
    package var presencePenalty: Float = 0
    /// Added to the logits of these tokens; -100 or less bans a token.
    package var bias: [Token: Float] = [:]
    /// Keeps this many of the most likely tokens; 0 keeps all.
    package var topK = 0
    /// Keeps the tokens whose probability is at least this fraction of the most likely token's (0 to 1).
    package var minP: Float = 0
    /// Keeps the tokens whose information content is closest to the distribution's entropy, until their total probability reaches this value (0
    /// to 1).
    package var typicalP: Float = 1
    /// Divides the positive logits of recent tokens and multiplies their negative ones; 1 has no effect.
    package var repeatPenalty: Float = 1
    /// The number of last tokens, including the prompt's, that `repeatPenalty` considers.
    package var repeatWindow = 64
    /// The penalty for continuing a repetition (DRY); nil for no such penalty.
    package var dry: RepetitionPenalty?
    /// The probability that a draw excludes the most likely tokens (XTC, 0 to 1).
    package var xtcProbability: Float = 0
    /// The min probability of the tokens that XTC excludes, of which the least likely one stays (0 to 1).
    package var xtcThreshold: Float = 0.1
    /// Keeps the surprise of the text about constant; nil for no such control.
    package var mirostat: Mirostat?
    /// The number of tokens before which the model cannot end the generation.
    package var minimumTokens = 0
    /// Whether the model can never end the generation.
    package var ignoresEnd = false
    /// The number of tokens at each position whose log probabilities are returned beside the drawn token's; nil returns no log probabilities.
    package var logprobs: Int?
    /// The parameters that the request sets, but to values without effect. They change nothing here; a server with other defaults needs them.
    package var neutral: Neutral = []

    package struct Neutral: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let temperature = Neutral(rawValue: 1)
        package static let topP = Neutral(rawValue: 2)
        package static let topK = Neutral(rawValue: 4)
        package static let minP = Neutral(rawValue: 8)
        package static let repeatPenalty = Neutral(rawValue: 16)
    }

    package init(temperature: Float = 1, topP: Float = 1, seed: Int64? = nil) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
    }

    /// Whether sampling depends on tokens before the first drawn one.
    package var looksBack: Bool { repeatPenalty != 1 || dry != nil }
}

/// DRY, "don't repeat yourself" (p-e-w, 2024), a repetition penalty: the longer the repetition that a token would continue, the less likely the
/// token becomes.
package struct RepetitionPenalty: Sendable, Equatable {
    /// Subtracted from the logit of a token that continues a repetition of `allowedLength`; above 0.
    package var multiplier: Float
    /// The factor by which the penalty grows with each further token of a repetition; at least 1.
    package var base: Float = 1.75
    /// The number of tokens that may repeat without a penalty; 0 penalizes each token that occurred before.
    package var allowedLength = 2
    /// The number of last tokens, including the prompt's, that are searched; nil for all.
    package var window: Int?
    /// Texts that interrupt a repetition: no repetition extends across them.
    package var breakers = ["\n", ":", "\"", "*"]

    package init(multiplier: Float) { self.multiplier = multiplier }
}

/// Mirostat (Basu et al., 2020), which steers the surprise of the drawn tokens toward a target.
package struct Mirostat: Sendable, Equatable {
    /// The rule that truncates the distribution.
    package enum Version: Int, Sendable {
        /// Keeps as many tokens as an estimate of Zipf's exponent yields.
        case first = 1
        /// Excludes tokens whose own surprise exceeds the bound.
        case second = 2
    }

    package var version: Version
    /// The target surprise, in bits per token.
    package var target: Float = 5
    /// How fast the bound adapts to the drawn tokens (0 to 1).
    package var rate: Float = 0.1

    package init(version: Version) { self.version = version }
}
