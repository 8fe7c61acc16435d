package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// What all objects of one answer share: a stream's chunks carry the same values.
package struct ChatCompletionEncoder: Sendable {
    package let id: String
    private let created: Int
    private let model: String
    private let fingerprint: String
    private let serviceTier: String
    private let includeUsage: Bool
    private let dialect: CallDialect
    private let tellsLogprobs: Bool

    /// - created: unix seconds.
    /// - serviceTier: the class that the request was served in.
    /// - includeUsage: `stream_options.include_usage`: a last chunk with the usage, and `usage: null` in all others.
    package init(
        id: String, created: Int, model: String, fingerprint: String, serviceTier: String = "default", includeUsage: Bool = false,
        dialect: CallDialect = CallDialect(), tellsLogprobs: Bool = false
    ) {
        self.tellsLogprobs = tellsLogprobs
        self.dialect = dialect
        self.serviceTier = serviceTier
        self.id = id
        self.created = created
        self.model = model
        self.fingerprint = fingerprint
        self.includeUsage = includeUsage
    }

    /// The whole answer at once; its choices in the order of their indices.
    package func whole(choices: [(message: AnswerMessage, reason: FinishReason)], usage: Usage) -> JSON {
        var object = envelope("chat.completion")
        object["choices"] = .array(
            choices.enumerated().map { index, choice in
                [
                    "index": .int(index),
                    "message": choice.message.json(dialect),
                    "logprobs": tellsLogprobs ? LogprobsEncoder.json(choice.message.probabilities) : .null,
                    "finish_reason": .string(word(choice.reason)),
                ]
            })
        object["usage"] = usage.openAI
        return .object(object)
    }

    // MARK: Chunks of a choice, in the order in which a stream sends them

    package func firstChunk(choice: Int = 0) -> JSON { chunk(choice, ["role": "assistant", "content": "", "refusal": .null], reason: nil) }

    package func chunk(_ delta: MessageDelta, choice: Int = 0) -> JSON {
        guard tellsLogprobs, case .content(_, let probabilities) = delta else {
            return chunk(choice, AnswerMessage.json(delta, dialect), reason: nil)
        }
        return chunk(choice, AnswerMessage.json(delta, dialect), logprobs: LogprobsEncoder.json(probabilities), reason: nil)
    }

    package func lastChunk(_ reason: FinishReason, choice: Int = 0) -> JSON { chunk(choice, [:], reason: reason) }

    /// Nil unless the request asked for it: clients that read `choices[0]` of every chunk fail on this one.
    package func usageChunk(_ usage: Usage) -> JSON? {
        guard includeUsage else { return nil }
        var object = envelope("chat.completion.chunk")
        object["choices"] = []
        object["usage"] = usage.openAI
        return .object(object)
    }

    private func chunk(_ choice: Int, _ delta: JSON, logprobs: JSON = .null, reason: FinishReason?) -> JSON {
        var object = envelope("chat.completion.chunk")
        object["choices"] = [
            ["index": .int(choice), "delta": delta, "logprobs": logprobs, "finish_reason": reason.map { .string(word($0)) } ?? .null]
        ]
        if includeUsage { object["usage"] = .null }
        return .object(object)
    }

    private func word(_ reason: FinishReason) -> String {
        switch reason {
        case .stop: "stop"
        case .length: "length"
        case .toolCalls: dialect.usesFunctions ? "function_call" : "tool_calls"
        }
    }

    private func envelope(_ kind: String) -> JSONObject {
        [
            "id": .string(id), "object": .string(kind), "created": .int(created), "model": .string(model),
            "service_tier": .string(serviceTier), "system_fingerprint": .string(fingerprint),
        ]
    }

    /// A new id; 128 random bits do not collide in anybody's cache.
    package static func newID() -> String { "chatcmpl-" + RandomID.make() }
}

/// Random names of objects and requests.
package enum RandomID {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    /// 131 bits.
    static let length = 22

    /// Letters and digits.
    package static func make() -> String { String((0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] }) }
}

extension Usage {
    var openAI: JSON {
        [
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "total_tokens": .int(promptTokens + completionTokens),
            "prompt_tokens_details": ["cached_tokens": .int(cachedPromptTokens), "audio_tokens": 0],
            "completion_tokens_details": [
                "reasoning_tokens": .int(reasoningTokens), "audio_tokens": 0, "accepted_prediction_tokens": .int(prediction.accepted),
                "rejected_prediction_tokens": .int(prediction.rejected),
            ],
        ]
    }
}
