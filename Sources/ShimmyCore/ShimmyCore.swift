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
