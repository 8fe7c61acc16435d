package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// Reads the events of an answer in the Responses API. A whole response counts as its own last event.
package struct ResponseChunks: AnswerChunks {
    package private(set) var isDone = false
    package private(set) var usage: Usage?
    private let upstream: String
    private let key: String?
    private var choice: ChoiceReader
    /// The output items whose text, or whose arguments, were sent in parts.
    private var streamed: Set<Int> = []
    /// The output items that are calls of tools.
    private var calls: Set<Int> = []
    /// The name of the events that have the reasoning. An upstream can send both the reasoning and its summary.
    private var reasoningType: String?

    private static let reasoningTypes: Set<String> = [
        "response.reasoning_text.delta", "response.reasoning_summary_text.delta", "response.reasoning.delta",
    ]

    package init(upstream: String, choice: Int = 0, splitsReasoning: Bool = false, stops: [String] = [], key: String? = nil) {
        self.upstream = upstream
        self.key = key
        self.choice = ChoiceReader(choice: choice, splitsReasoning: splitsReasoning, stops: stops)
    }

    package mutating func push(_ json: JSON) throws -> [AnswerEvent] {
        var events: [AnswerEvent] = []
        do {
            if json["object"]?.stringValue == "response" {
                try finish(json, &events)
            } else if let type = json["type"]?.stringValue {
                try read(json, type, &events)
            } else if let error = json["error"], !error.isNull {
                throw UpstreamFailure(upstream, inStream: json, key: key)
            } else {
                throw unreadable("an event has no type")
            }
        } catch let fault as ChoiceReader.Fault {
            throw unreadable(fault.message)
        }
        return events
    }

    private mutating func read(_ json: JSON, _ type: String, _ events: inout [AnswerEvent]) throws {
        let index = json["output_index"]?.intValue ?? 0
        switch type {
        case "response.output_text.delta", "response.refusal.delta":
            streamed.insert(index)
            choice.content(json["delta"]?.stringValue ?? "", probabilities: LogprobsReader.entries(json["logprobs"]), &events)
        case _ where Self.reasoningTypes.contains(type):
            streamed.insert(index)
            reasoningType = reasoningType ?? type
            if reasoningType == type { choice.reasoning(json["delta"]?.stringValue ?? "", &events) }
        case "response.reasoning_summary_part.added":
            // The parts of a summary are paragraphs.
            let isFurther = json["summary_index"]?.intValue ?? 0 > 0 && reasoningType == "response.reasoning_summary_text.delta"
            if isFurther { choice.reasoning("\n\n", &events) }
        case "response.output_item.added": try begin(json["item"] ?? .null, index, &events)
        case "response.function_call_arguments.delta":
            guard calls.contains(index) else { throw unreadable("the arguments of a tool call have no beginning") }
            streamed.insert(index)
            try choice.call(["index": .int(index), "function": ["arguments": json["delta"] ?? ""]], &events)
        case "response.output_item.done": try end(json["item"] ?? .null, index, &events)
        case "response.completed", "response.incomplete", "response.failed": try finish(json["response"] ?? .null, &events)
        case "error": throw UpstreamFailure(upstream, inStream: json["error"]?.objectValue == nil ? ["error": json] : json, key: key)
        // The API adds events; clients ignore those that they do not know.
        default: break
        }
    }

    // MARK: Items

    private mutating func begin(_ item: JSON, _ index: Int, _ events: inout [AnswerEvent]) throws {
        guard item["type"]?.stringValue == "function_call", !calls.contains(index) else { return }
        guard calls.count < UpstreamLimits.calls else { throw unreadable("an answer has more than \(UpstreamLimits.calls) tool calls") }
        calls.insert(index)
        let id = item["call_id"] ?? item["id"] ?? ""
        try choice.call(["index": .int(index), "id": id, "function": ["name": item["name"] ?? ""]], &events)
    }

    /// Reads an item that is complete. Some servers send no parts of it before.
    private mutating func end(_ item: JSON, _ index: Int, _ events: inout [AnswerEvent]) throws {
        switch item["type"]?.stringValue {
        case "function_call":
            try begin(item, index, &events)
            guard streamed.insert(index).inserted else { return }
            try choice.call(["index": .int(index), "function": ["arguments": item["arguments"] ?? "{}"]], &events)
        case "message":
            guard streamed.insert(index).inserted else { return }
            for part in item["content"]?.arrayValue ?? [] {
                let text = part["text"]?.stringValue ?? part["refusal"]?.stringValue ?? ""
                choice.content(text, probabilities: LogprobsReader.entries(part["logprobs"]), &events)
            }
        case "reasoning":
            guard streamed.insert(index).inserted else { return }
            let content = item["content"]?.arrayValue ?? []
            let parts = (content.isEmpty ? item["summary"]?.arrayValue ?? [] : content).compactMap { $0["text"]?.stringValue }
            choice.reasoning(parts.joined(separator: "\n\n"), &events)
        default: break
        }
    }

    // MARK: The end

    private mutating func finish(_ response: JSON, _ events: inout [AnswerEvent]) throws {
        count(response["usage"])
        let status = response["status"]?.stringValue
        if let error = response["error"], error.objectValue != nil { throw UpstreamFailure(upstream, inStream: response, key: key) }
        guard status == nil || status == "completed" || status == "incomplete" else {
            throw UpstreamFailure(upstream, .interrupted, "it ended the answer early (\((status ?? "").shortened(to: 100)))")
        }
        // The output repeats what was streamed, and its indices may differ.
        if streamed.isEmpty, calls.isEmpty {
            for (index, item) in (response["output"]?.arrayValue ?? []).enumerated() { try end(item, index, &events) }
        }
        let reason = status == "incomplete" ? response["incomplete_details"]?["reason"]?.stringValue ?? "max_output_tokens" : nil
        if reason == "content_filter", !choice.isFinished { throw UpstreamFailure.filtered(upstream) }
        try choice.finish(reason == nil ? calls.isEmpty ? .stop : .toolCalls : .length, &events)
        isDone = true
    }

    private mutating func count(_ json: JSON?) {
        guard let json, json.objectValue != nil else { return }
        let prompt = WireJSON.count(json["input_tokens"])
        let answer = WireJSON.count(json["output_tokens"])
        usage = Usage(
            promptTokens: prompt, cachedPromptTokens: min(prompt, WireJSON.count(json["input_tokens_details"]?["cached_tokens"])),
            completionTokens: answer, reasoningTokens: min(answer, WireJSON.count(json["output_tokens_details"]?["reasoning_tokens"])))
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
