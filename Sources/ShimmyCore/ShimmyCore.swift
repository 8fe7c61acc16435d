// The few plain values that every layer speaks. Knows nothing of text, HTTP, JSON or llama.cpp.

/// One entry of a model's vocabulary.
package typealias Token = Int32

/// Why a generation ended, as every dialect needs to know it.
package enum FinishReason: Sendable, Equatable {
    /// The model ended its turn (EOG) or a stop string was found.
    case stop
    /// The request's limit or the end of the context was reached.
    case length
    /// The answer asks for calls of tools. An engine, which knows tokens only, never says so.
    case toolCalls
}

/// How the next token is drawn from the logits. The defaults are OpenAI's.
package struct SamplingParameters: Sendable, Equatable {
    /// 0 is greedy; otherwise logits are divided by it (0 to 2).
    package var temperature: Float
    /// Keeps the smallest set of tokens whose probability reaches this (0 to 1).
    package var topP: Float
    /// Makes the draw repeatable; nil draws a new seed for each generation.
    package var seed: Int64?
    /// Taken off a token's logit for each time that it was generated (-2 to 2).
    package var frequencyPenalty: Float = 0
    /// Taken off a token's logit once it was generated (-2 to 2).
    package var presencePenalty: Float = 0
    /// Added to the logits of these tokens; -100 and less bans them.
    package var bias: [Token: Float] = [:]
    /// Keeps this many of the likeliest tokens; 0 keeps all.
    package var topK = 0
    /// Keeps tokens whose probability is at least this part of the likeliest one's (0 to 1).
    package var minP: Float = 0
    /// Keeps the tokens whose information is nearest the distribution's entropy, until their probability reaches this (0 to 1).
    package var typicalP: Float = 1
    /// Divides positive logits of tokens among the last ones, and multiplies negative ones; 1 changes nothing.
    package var repeatPenalty: Float = 1
    /// How many of the last tokens, the prompt's included, `repeatPenalty` looks at.
    package var repeatWindow = 64
    /// Keeps a text from going on as it went on before; nil for no such penalty.
    package var dry: RepetitionPenalty?
    /// How often, of all draws, the likeliest tokens are left out (0 to 1).
    package var xtcProbability: Float = 0
    /// The part of the probability from which a token is one of the likeliest; the last of those stays (0 to 1).
    package var xtcThreshold: Float = 0.1
    /// Keeps the text about equally surprising; nil leaves that to the model.
    package var mirostat: Mirostat?
    /// Tokens before which a generation does not end by itself.
    package var minimumTokens = 0
    /// Whether it never ends by itself.
    package var ignoresEnd = false
    /// Tokens for each place whose log probabilities are told beside the drawn one's; nil tells none at all.
    package var logprobs: Int?

    package init(temperature: Float = 1, topP: Float = 1, seed: Int64? = nil) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
    }

    /// Whether the tokens before the first one that is drawn matter.
    package var looksBack: Bool { repeatPenalty != 1 || dry != nil }
}

/// DRY, "don't repeat yourself" (p-e-w, 2024): the longer a repetition is that a token would continue, the less likely it becomes.
package struct RepetitionPenalty: Sendable, Equatable {
    /// Taken off the logit of a token that continues a repetition of `allowedLength`; above 0.
    package var multiplier: Float
    /// The penalty's growth with each token that a repetition is longer; at least 1.
    package var base: Float = 1.75
    /// Tokens that may be repeated freely; at least 1.
    package var allowedLength = 2
    /// How many of the last tokens, the prompt's included, are looked at; nil for all.
    package var window: Int?
    /// Texts across which nothing counts as a repetition.
    package var breakers = ["\n", ":", "\"", "*"]

    package init(multiplier: Float) { self.multiplier = multiplier }
}

/// Mirostat (Basu et al., 2020): steers the surprise of the drawn tokens towards a target.
package struct Mirostat: Sendable, Equatable {
    /// How the distribution is cut.
    package enum Version: Int, Sendable {
        /// To as many tokens as an estimate of Zipf's exponent says.
        case first = 1
        /// Where a token's own surprise exceeds the bound.
        case second = 2
    }

    package var version: Version
    /// The surprise that is aimed at, in bits for each token.
    package var target: Float = 5
    /// How fast the bound follows what was drawn (0 to 1).
    package var rate: Float = 0.1

    package init(version: Version) { self.version = version }
}

/// How likely a token was: natural logarithms of the model's own distribution, before anything is done to it.
package struct TokenLogprobs: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var token: Token
        package var logprob: Float

        package init(token: Token, logprob: Float) {
            self.token = token
            self.logprob = logprob
        }
    }

    package var drawn: Entry
    /// The likeliest tokens, as many as were asked for, likeliest first.
    package var top: [Entry]

    package init(drawn: Entry, top: [Entry]) {
        self.drawn = drawn
        self.top = top
    }
}

/// Tokens of a client's prediction that were verified.
package struct PredictionCount: Sendable, Equatable {
    package var accepted = 0
    package var rejected = 0

    package init(accepted: Int = 0, rejected: Int = 0) {
        self.accepted = accepted
        self.rejected = rejected
    }
}
