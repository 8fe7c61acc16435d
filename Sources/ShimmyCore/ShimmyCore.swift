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

    package init(temperature: Float = 1, topP: Float = 1, seed: Int64? = nil) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
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
