package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The encoder of one chat completion, whole or in chunks. All objects of one answer, such as a stream's chunks, share the values stored here.
package struct ChatCompletionEncoder: Sendable {
    package let id: String
    private let created: Int
    private let model: String
    private let fingerprint: String
    private let serviceTier: String
    private let includeUsage: Bool
    private let dialect: CallDialect
    private let tellsLogprobs: Bool

    /// - created: the Unix time in seconds.
    /// - serviceTier: the service tier that served the request.
    /// - includeUsage: `stream_options.include_usage`: the stream ends with a chunk that contains the usage, and all other chunks have `usage: null`.
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

    /// Returns the complete answer, with the choices in the order of their indices.
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

    /// Returns the chunk with the token usage; nil unless the request asked for it, because clients that read `choices[0]` of every chunk fail on
    /// this one.
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

    /// Returns a new ID. It has more than 128 random bits, so that IDs do not collide in a client's cache.
    package static func newID() -> String { "chatcmpl-" + RandomID.make() }
}

/// Random IDs of objects and requests.
package enum RandomID {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    /// The number of characters of an ID, which contain 131 random bits.
    static let length = 22

    /// Returns a random ID of letters and digits.
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
