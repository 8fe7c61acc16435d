package import ShimmyJSON

/// An event of a streamed answer.
package enum ChatEvent: Sendable, Equatable {
    /// A text for the user about the operation that the answer waits for.
    case waiting(String)
    case reasoning(String)
    case content(String)
    /// A part of a call of a tool, as in a chunk's `tool_calls`.
    case call(JSON)
    /// The finish reason, in OpenAI's words.
    case finished(String)
    case usage(ChatUsage)
}

/// The token counts of one answer.
package struct ChatUsage: Sendable, Equatable {
    package var promptTokens: Int
    package var cachedTokens: Int
    package var completionTokens: Int

    package init(promptTokens: Int, cachedTokens: Int, completionTokens: Int) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
    }
}

extension ChatEvent {
    /// Returns the events in a chunk of a streamed chat completion.
    package static func events(of chunk: JSON) -> [ChatEvent] {
        var events: [ChatEvent] = []
        if let choice = chunk["choices"]?[0] {
            if let reasoning = choice["delta"]?["reasoning_content"]?.stringValue, !reasoning.isEmpty { events.append(.reasoning(reasoning)) }
            if let content = choice["delta"]?["content"]?.stringValue, !content.isEmpty { events.append(.content(content)) }
            events += (choice["delta"]?["tool_calls"]?.arrayValue ?? []).map(ChatEvent.call)
            if let reason = choice["finish_reason"]?.stringValue { events.append(.finished(reason)) }
        }
        if let usage = chunk["usage"], let prompt = usage["prompt_tokens"]?.intValue, let completion = usage["completion_tokens"]?.intValue {
            let cached = usage["prompt_tokens_details"]?["cached_tokens"]?.intValue ?? 0
            events.append(.usage(ChatUsage(promptTokens: prompt, cachedTokens: cached, completionTokens: completion)))
        }
        return events
    }
}

/// The token counts and times of an answer.
package struct ChatTimes: Sendable, Equatable {
    package var usage: ChatUsage
    /// The number of seconds from the question to the first token, reasoning included. `total` counts to the last token.
    package var firstToken: Double
    package var total: Double

    package init(usage: ChatUsage, firstToken: Double, total: Double) {
        self.usage = usage
        self.firstToken = firstToken
        self.total = total
    }

    /// The speed after the first token; nil for an answer of one token.
    package var tokensPerSecond: Double? {
        let time = total - firstToken
        return usage.completionTokens > 1 && time > 0 ? Double(usage.completionTokens - 1) / time : nil
    }

    package var json: JSON {
        [
            "prompt_tokens": .int(usage.promptTokens), "cached_tokens": .int(usage.cachedTokens), "completion_tokens": .int(usage.completionTokens),
            "first_token_seconds": .double(rounded(firstToken)), "total_seconds": .double(rounded(total)),
            "tokens_per_second": tokensPerSecond.map { .double(rounded($0)) } ?? .null,
        ]
    }

    private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
