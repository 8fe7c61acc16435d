package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// Reads the chunks of a chat completion or of a text completion. A whole completion counts as one chunk.
package struct ChatChunks: AnswerChunks {
    package private(set) var isDone = false
    package private(set) var usage: Usage?
    package private(set) var fingerprint: String?
    private let upstream: String
    private let key: String?
    private let isEmpty: Bool
    private var choices: [ChoiceReader]

    /// - firstChoice: the number of the response's first choice in the answer.
    /// - splitsReasoning: whether the upstream may leave the reasoning in the content.
    /// - stops: the stop strings that are looked for here.
    /// - isEmpty: whether the texts are left out, as if the limit of tokens were 0.
    /// - key: the key that must not be in a message.
    package init(
        upstream: String, choices: Int, firstChoice: Int = 0, splitsReasoning: Bool = false, stops: [String] = [], isEmpty: Bool = false,
        key: String? = nil
    ) {
        self.upstream = upstream
        self.key = key
        self.isEmpty = isEmpty
        self.choices = (0..<max(0, choices)).map {
            ChoiceReader(choice: firstChoice + $0, splitsReasoning: splitsReasoning, stops: stops)
        }
    }

    package mutating func push(_ json: JSON) throws -> [AnswerEvent] {
        guard let object = json.objectValue else { throw unreadable("an event is not an object") }
        if let error = object["error"], !error.isNull { throw UpstreamFailure(upstream, inStream: json, key: key) }
        if object["object"]?.stringValue == "error" { throw UpstreamFailure(upstream, inStream: json, key: key) }
        if let usage = object["usage"], usage.objectValue != nil {
            var counts = Usage(openAI: usage)
            if isEmpty { (counts.completionTokens, counts.reasoningTokens) = (0, 0) }
            self.usage = counts
        }
        if fingerprint == nil { fingerprint = UpstreamFingerprint.read(object["system_fingerprint"]) }
        var events: [AnswerEvent] = []
        for element in object["choices"]?.arrayValue ?? [] { try read(element, &events) }
        return events
    }

    private mutating func read(_ json: JSON, _ events: inout [AnswerEvent]) throws {
        let index = json["index"]?.intValue ?? 0
        guard choices.indices.contains(index) else { throw unreadable("it sent a choice that was not requested") }
        do throws(ChoiceReader.Fault) {
            if !isEmpty { try Self.read(json, &choices[index], &events) }
        } catch {
            throw unreadable(error.message)
        }
        guard let word = json["finish_reason"]?.stringValue else { return }
        if word == "content_filter", !choices[index].isFinished { throw UpstreamFailure.filtered(upstream) }
        guard let reason = Self.reasons[word] ?? (word == "abort" || word == "error" ? nil : .stop) else {
            throw UpstreamFailure(upstream, .interrupted, "it ended the answer early (\(word))")
        }
        do throws(ChoiceReader.Fault) {
            let stop = (json["stop_reason"] ?? json["stopping_word"])?.stringValue
            try choices[index].finish(isEmpty ? .length : reason, by: isEmpty ? nil : stop, &events)
        } catch {
            throw unreadable(error.message)
        }
    }

    private static let reasons: [String: FinishReason] = [
        "stop": .stop, "eos": .stop, "length": .length, "max_tokens": .length, "model_length": .length, "tool_calls": .toolCalls,
        "function_call": .toolCalls,
    ]

    private static func read(_ json: JSON, _ choice: inout ChoiceReader, _ events: inout [AnswerEvent]) throws(ChoiceReader.Fault) {
        if let text = json["text"]?.stringValue {
            choice.content(text, probabilities: LogprobsReader.legacy(json["logprobs"]), &events)
            return
        }
        guard let delta = json["delta"] ?? json["message"], delta.objectValue != nil else { return }
        for name in ["reasoning_content", "reasoning"] {
            guard let text = delta[name]?.stringValue, !text.isEmpty else { continue }
            choice.reasoning(text, &events)
            break
        }
        choice.content(text(delta["content"]), probabilities: LogprobsReader.entries(json["logprobs"]?["content"]), &events)
        if let refusal = delta["refusal"]?.stringValue { choice.content(refusal, &events) }
        for call in delta["tool_calls"]?.arrayValue ?? [] { try choice.call(call, &events) }
        if let call = delta["function_call"], call.objectValue != nil { try choice.call(["index": 0, "function": call], &events) }
    }

    /// Returns the text of a content, which some servers send in parts.
    private static func text(_ content: JSON?) -> String {
        if let text = content?.stringValue { return text }
        return (content?.arrayValue ?? []).compactMap { $0["text"]?.stringValue }.joined()
    }

    package mutating func end(isMarked: Bool) throws -> [AnswerEvent] {
        if isDone { return [] }
        guard isMarked, choices.allSatisfy(\.isFinished) else {
            throw UpstreamFailure(upstream, .interrupted, "its answer ended before it was complete")
        }
        isDone = true
        return []
    }

    private func unreadable(_ fault: String) -> UpstreamFailure { UpstreamFailure(upstream, .unreadable, "its answer cannot be read: \(fault)") }
}

extension Usage {
    /// Reads the counts of a completion. An absent count is 0.
    init(openAI json: JSON) {
        let (prompt, answer) = (json["prompt_tokens_details"], json["completion_tokens_details"])
        let promptTokens = WireJSON.count(json["prompt_tokens"])
        let completionTokens = WireJSON.count(json["completion_tokens"])
        self.init(
            promptTokens: promptTokens, cachedPromptTokens: min(promptTokens, WireJSON.count(prompt?["cached_tokens"])),
            completionTokens: completionTokens, reasoningTokens: min(completionTokens, WireJSON.count(answer?["reasoning_tokens"])))
        prediction.accepted = WireJSON.count(answer?["accepted_prediction_tokens"])
        prediction.rejected = WireJSON.count(answer?["rejected_prediction_tokens"])
    }
}
