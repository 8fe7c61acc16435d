package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

extension StreamFraming {
    /// Named events. An event shows that an idle stream is alive, and no event follows the last one.
    static let anthropic = StreamFraming(
        contentType: "text/event-stream", frame: ServerSentEvents.event, ping: ServerSentEvents.event(["type": "ping"]), end: [],
        comment: ServerSentEvents.comment)
}

/// The form of messages: content blocks, one after the other. A stream begins when the prompt is computed, because its first event contains the
/// number of cached tokens.
package struct MessageEvents: AnswerDialect {
    package static let framing = StreamFraming.anthropic

    /// A content block while it grows.
    private struct Block {
        enum Kind: Equatable {
            case text, thinking
            case call(id: String, name: String)
        }

        let kind: Kind
        var text = ""
    }

    package private(set) var whole: JSON?
    private let id = "msg_" + RandomID.make()
    private let model: String
    private let streams: Bool
    private let options: MessageOptions
    private let isClamped: Bool
    private let requestID: String
    /// The complete blocks; of a stream without their contents.
    private var blocks: [JSON] = []
    /// The block that is still growing; nil between blocks.
    private var open: Block?
    private var hasBegun = false
    private var reason = FinishReason.stop
    private var stop: String?

    /// - isClamped: whether the remaining context is smaller than the request's limit of tokens.
    /// - requestID: the id of the request, for an error.
    package init(_ request: MessageRequest, isClamped: Bool, requestID: String) {
        model = request.model
        streams = request.stream
        options = request.own
        self.isClamped = isClamped
        self.requestID = requestID
    }

    package func begin() -> [JSON] { [] }

    package mutating func push(_ fact: AnswerFact, choice: Int) -> [JSON] {
        switch fact {
        case .promptComputed(let usage): return start(usage)
        case .stopped(let stop):
            self.stop = stop
            return []
        case .begun, .generated, .tokens, .unfit: return []
        }
    }

    /// Returns the first event of a stream; none if the stream has begun.
    private mutating func start(_ usage: Usage) -> [JSON] {
        if hasBegun { return [] }
        hasBegun = true
        return told(["type": "message_start", "message": message(usage, reason: .null, stop: .null)])
    }

    /// Returns an event if the answer is a stream.
    private func told(_ event: JSON) -> [JSON] { streams ? [event] : [] }

    private func message(_ usage: Usage, reason: JSON, stop: JSON) -> JSON {
        [
            "id": .string(id), "type": "message", "role": "assistant", "model": .string(model),
            "content": reason.isNull ? [] : .array(blocks), "stop_reason": reason, "stop_sequence": stop, "stop_details": .null,
            "usage": .object(usage.anthropic(writesCache: options.marksCache)),
        ]
    }

    // MARK: Blocks

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        let first = start(Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0))
        switch delta {
        case .content(let text, _): return first + append(text, to: .text)
        case .reasoning(let text): return first + append(text, to: .thinking)
        case .call(_, let id, let name): return first + begin(.call(id: MessageCallID.shown(id), name: name))
        case .arguments(_, let text):
            // The arguments belong to the open block: all earlier calls are complete.
            guard case .call = open?.kind else { return first }
            return first + append(text)
        }
    }

    private mutating func append(_ text: String, to kind: Block.Kind) -> [JSON] {
        let begun = open?.kind == kind ? [] : begin(kind)
        return begun + append(text)
    }

    private mutating func append(_ text: String) -> [JSON] {
        guard let kind = open?.kind else { return [] }
        // A stream needs only a hidden text again, for its signature.
        if !streams || options.hidesThinking { open?.text += text }
        switch kind {
        case .text: return delta(["type": "text_delta", "text": .string(text)])
        case .thinking: return options.hidesThinking ? [] : delta(["type": "thinking_delta", "thinking": .string(text)])
        case .call: return delta(["type": "input_json_delta", "partial_json": .string(text)])
        }
    }

    private mutating func begin(_ kind: Block.Kind) -> [JSON] {
        let closed = close()
        let block = Block(kind: kind)
        open = block
        return closed + told(["type": "content_block_start", "index": .int(blocks.count), "content_block": json(block, signature: "")])
    }

    private mutating func close() -> [JSON] {
        guard let block = open else { return [] }
        // The signature is the place for a text that the client does not see.
        let signature = block.kind == .thinking ? SealedText.seal(options.hidesThinking ? block.text : "") : ""
        var events = block.kind == .thinking ? delta(["type": "signature_delta", "signature": .string(signature)]) : []
        events += told(["type": "content_block_stop", "index": .int(blocks.count)])
        open = nil
        blocks.append(streams ? .null : json(block, signature: signature))
        return events
    }

    /// Returns an event with a part of the open block.
    private func delta(_ delta: JSON) -> [JSON] {
        told(["type": "content_block_delta", "index": .int(blocks.count), "delta": delta])
    }

    private func json(_ block: Block, signature: String) -> JSON {
        switch block.kind {
        case .text: return ["type": "text", "text": .string(block.text)]
        case .thinking:
            return ["type": "thinking", "thinking": .string(options.hidesThinking ? "" : block.text), "signature": .string(signature)]
        case .call(let id, let name):
            // The arguments of a call that was cut off are not JSON.
            let input = (try? JSON.parse(block.text))?.objectValue ?? [:]
            return ["type": "tool_use", "id": .string(id), "name": .string(name), "input": .object(input)]
        }
    }

    // MARK: The end

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        self.reason = reason
        return []
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        let last = start(usage) + close()
        let reason = JSON.string(reasonText)
        let stop = self.stop.map(JSON.string) ?? .null
        guard streams else {
            whole = message(usage, reason: reason, stop: stop)
            return []
        }
        let end: JSON = [
            "type": "message_delta", "delta": ["stop_reason": reason, "stop_sequence": stop, "stop_details": .null],
            "usage": .object(usage.anthropicCounts(writesCache: options.marksCache)),
        ]
        return last + [end, ["type": "message_stop"]]
    }

    private var reasonText: String {
        switch reason {
        case .toolCalls: "tool_use"
        case _ where stop != nil: "stop_sequence"
        case .stop: "end_turn"
        case .length: isClamped ? "model_context_window_exceeded" : "max_tokens"
        }
    }

    package func fail(_ error: APIError) -> [JSON] { [AnthropicErrors().body(of: error, requestID: requestID)] }
    package func cancel() -> [JSON] { fail(.cancelled) }
}

extension Usage {
    /// The token counts of a message.
    /// - writesCache: whether the computed tokens of the prompt count as written to the cache, because the request asks for that.
    fileprivate func anthropicCounts(writesCache: Bool) -> JSONObject {
        let computed = promptTokens - cachedPromptTokens
        return [
            "input_tokens": .int(writesCache ? 0 : computed), "cache_creation_input_tokens": .int(writesCache ? computed : 0),
            "cache_read_input_tokens": .int(cachedPromptTokens), "output_tokens": .int(completionTokens),
            "output_tokens_details": ["thinking_tokens": .int(reasoningTokens)],
        ]
    }

    fileprivate func anthropic(writesCache: Bool) -> JSONObject {
        var usage = anthropicCounts(writesCache: writesCache)
        // The cache has no lifetimes. All tokens count under the API's default, 5 minutes.
        let written: JSON = usage["cache_creation_input_tokens"] ?? 0
        usage["cache_creation"] = ["ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0]
        usage["server_tool_use"] = JSON.null
        usage["inference_geo"] = JSON.null
        usage["service_tier"] = "standard"
        return usage
    }
}
