package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// Reads the events of an answer in Anthropic's API. A whole message counts as its own events.
package struct MessageChunks: AnswerChunks {
    package private(set) var isDone = false
    package private(set) var usage: Usage?
    private let upstream: String
    private let key: String?
    private var choice: ChoiceReader
    /// The blocks that are calls of tools.
    private var calls: Set<Int> = []

    package init(upstream: String, choice: Int = 0, stops: [String] = [], key: String? = nil) {
        self.upstream = upstream
        self.key = key
        self.choice = ChoiceReader(choice: choice, splitsReasoning: false, stops: stops)
    }

    package mutating func push(_ json: JSON) throws -> [AnswerEvent] {
        guard let type = json["type"]?.stringValue else { throw unreadable("an event has no type") }
        var events: [AnswerEvent] = []
        do {
            try read(json, type, &events)
        } catch let fault as ChoiceReader.Fault {
            throw unreadable(fault.message)
        }
        return events
    }

    private mutating func read(_ json: JSON, _ type: String, _ events: inout [AnswerEvent]) throws {
        switch type {
        case "message_start": count(json["message"]?["usage"])
        case "content_block_start": try begin(json["content_block"] ?? .null, index: json["index"]?.intValue ?? 0, &events)
        case "content_block_delta": try add(json["delta"] ?? .null, index: json["index"]?.intValue ?? 0, &events)
        case "message_delta":
            count(json["usage"])
            try finish(json["delta"] ?? .null, &events)
        case "message_stop":
            guard choice.isFinished else { throw UpstreamFailure(upstream, .interrupted, "its answer ended before it was complete") }
            isDone = true
        case "message": try whole(json, &events)
        case "error": throw UpstreamFailure(upstream, inStream: json, key: key)
        // The API adds events; clients ignore those that they do not know.
        default: break
        }
    }

    private mutating func whole(_ json: JSON, _ events: inout [AnswerEvent]) throws {
        count(json["usage"])
        for (index, block) in (json["content"]?.arrayValue ?? []).enumerated() { try begin(block, index: index, &events) }
        try finish(json, &events)
        isDone = true
    }

    private mutating func begin(_ block: JSON, index: Int, _ events: inout [AnswerEvent]) throws {
        switch block["type"]?.stringValue {
        case "text": choice.content(block["text"]?.stringValue ?? "", &events)
        case "thinking": choice.reasoning(block["thinking"]?.stringValue ?? "", &events)
        case "tool_use":
            guard calls.count < UpstreamLimits.calls else { throw unreadable("an answer has more than \(UpstreamLimits.calls) tool calls") }
            calls.insert(index)
            var function: JSONObject = ["name": block["name"] ?? ""]
            // In a stream, the input is empty and follows in parts.
            if let input = block["input"]?.objectValue, !input.isEmpty { function["arguments"] = .object(input) }
            try choice.call(["index": .int(index), "id": block["id"] ?? "", "function": .object(function)], &events)
        default: break
        }
    }

    private mutating func add(_ delta: JSON, index: Int, _ events: inout [AnswerEvent]) throws {
        switch delta["type"]?.stringValue {
        case "text_delta": choice.content(delta["text"]?.stringValue ?? "", &events)
        case "thinking_delta": choice.reasoning(delta["thinking"]?.stringValue ?? "", &events)
        case "input_json_delta":
            guard calls.contains(index) else { throw unreadable("the input of a tool call has no beginning") }
            try choice.call(["index": .int(index), "function": ["arguments": delta["partial_json"] ?? ""]], &events)
        default: break
        }
    }

    private mutating func finish(_ delta: JSON, _ events: inout [AnswerEvent]) throws {
        guard let word = delta["stop_reason"]?.stringValue else { return }
        if word == "refusal", !choice.isFinished { throw UpstreamFailure.filtered(upstream) }
        let reason: FinishReason =
            switch word {
            case "max_tokens", "model_context_window_exceeded": .length
            case "tool_use": .toolCalls
            default: .stop
            }
        try choice.finish(reason, by: delta["stop_sequence"]?.stringValue, &events)
    }

    /// Reads token counts. Later ones are sums, and may lack those that were given before.
    private mutating func count(_ json: JSON?) {
        guard let json, json.objectValue != nil else { return }
        var usage = usage ?? Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
        if json["input_tokens"]?.intValue != nil {
            let cached = WireJSON.count(json["cache_read_input_tokens"])
            usage.cachedPromptTokens = cached
            usage.promptTokens = WireJSON.count(json["input_tokens"]).saturated(adding: cached)
                .saturated(adding: WireJSON.count(json["cache_creation_input_tokens"]))
        }
        if json["output_tokens"]?.intValue != nil { usage.completionTokens = WireJSON.count(json["output_tokens"]) }
        self.usage = usage
    }

    package mutating func end(isMarked: Bool) throws -> [AnswerEvent] {
        guard isDone || (isMarked && choice.isFinished) else {
            throw UpstreamFailure(upstream, .interrupted, "its answer ended before it was complete")
        }
        isDone = true
        return []
    }

    private func unreadable(_ fault: String) -> UpstreamFailure { UpstreamFailure(upstream, .unreadable, "its answer cannot be read: \(fault)") }
}
