import ShimmyChat
import ShimmyJSON

/// One item of a response's output while it grows. Its methods return the events of the item; the caller numbers them.
struct OutputItem: Sendable {
    enum Kind: Sendable, Equatable {
        case message
        /// - asSummary: whether the client receives the reasoning text as a reasoning summary.
        case reasoning(asSummary: Bool)
        case call(id: String, CalledTool)
    }

    let id: String
    let kind: Kind
    private let index: Int
    private let seals: Bool
    private var text = ""
    private var probabilities: [TokenProbability] = []

    /// - index: the item's index in the output.
    /// - seals: whether a reasoning item also contains its text as `encrypted_content`.
    init(id: String, kind: Kind, index: Int, seals: Bool) {
        self.id = id
        self.kind = kind
        self.index = index
        self.seals = seals
    }

    // MARK: Events

    func added() -> [JSONObject] {
        isToldWhole ? [] : addedNow()
    }

    private var isToldWhole: Bool {
        if case .call(_, let tool) = kind { tool.isToldWhole } else { false }
    }

    private func addedNow() -> [JSONObject] {
        let item: JSONObject = ["type": "response.output_item.added", "output_index": .int(index), "item": json("in_progress", isEmpty: true)]
        guard let part = part(isEmpty: true) else { return [item] }
        return [item, partEvent("added", part)]
    }

    /// Whether the text is a complete JSON object, such as the arguments of a complete call.
    var isJSONObject: Bool { (try? JSON.parse(text))?.objectValue != nil }

    /// Appends to the text and returns the delta event; nil for an item that is sent only when it is complete.
    mutating func append(_ more: String, _ probabilities: [TokenProbability] = []) -> JSONObject? {
        text += more
        if isToldWhole { return nil }
        self.probabilities += probabilities
        var event = event(name + ".delta", of: "delta", .string(more))
        if kind == .message { event["logprobs"] = LogprobsEncoder.list(probabilities) }
        return event
    }

    /// Returns the last events of the item.
    /// - isCut: whether the item ended early.
    func done(isCut: Bool) -> [JSONObject] {
        var events: [JSONObject] = []
        switch kind {
        case .message:
            var event = event(name + ".done", of: "text", .string(text))
            event["logprobs"] = LogprobsEncoder.list(probabilities)
            events.append(event)
        case .reasoning: events.append(event(name + ".done", of: "text", .string(text)))
        case .call(_, let tool) where tool.isToldWhole: events += addedNow()
        case .call(_, let tool):
            var event = event(name + ".done", of: tool.kind == .custom ? "input" : "arguments", .string(text))
            if tool.kind != .custom { event["name"] = .string(tool.name) }
            events.append(event)
        }
        if let part = part(isEmpty: false) { events.append(partEvent("done", part)) }
        events.append(["type": "response.output_item.done", "output_index": .int(index), "item": json(isCut: isCut)])
        return events
    }

    /// The event type of the item's text, without `.delta` or `.done`.
    private var name: String {
        switch kind {
        case .message: "response.output_text"
        case .reasoning(let asSummary): asSummary ? "response.reasoning_summary_text" : "response.reasoning_text"
        case .call(_, let tool): tool.kind == .custom ? "response.custom_tool_call_input" : "response.function_call_arguments"
        }
    }

    private func event(_ type: String, of key: String, _ value: JSON) -> JSONObject {
        var event: JSONObject = ["type": .string(type), "item_id": .string(id), "output_index": .int(index)]
        if let place = placeOfPart { event[place] = 0 }
        event[key] = value
        return event
    }

    private func partEvent(_ what: String, _ part: JSON) -> JSONObject {
        let name = kind == .reasoning(asSummary: true) ? "response.reasoning_summary_part" : "response.content_part"
        return event("\(name).\(what)", of: "part", part)
    }

    /// The name of the field with the part's index; nil for calls, which have no parts.
    private var placeOfPart: String? {
        switch kind {
        case .message, .reasoning(asSummary: false): "content_index"
        case .reasoning(asSummary: true): "summary_index"
        case .call: nil
        }
    }

    // MARK: The item

    func json(isCut: Bool) -> JSON { json(isCut ? "incomplete" : "completed", isEmpty: false) }

    private func json(_ status: String, isEmpty: Bool) -> JSON {
        var object: JSONObject = ["id": .string(id)]
        let parts: JSON = isEmpty ? [] : .array(part(isEmpty: false).map { [$0] } ?? [])
        switch kind {
        case .message:
            object["type"] = "message"
            object["status"] = .string(status)
            object["role"] = "assistant"
            object["content"] = parts
        case .reasoning(let asSummary):
            object["type"] = "reasoning"
            object["status"] = .string(status)
            object["summary"] = asSummary ? parts : []
            object["content"] = asSummary ? [] : parts
            if seals { object["encrypted_content"] = .string(isEmpty ? "" : SealedText.seal(text)) }
        case .call(let callID, let tool):
            object["type"] = .string(tool.itemType)
            object["status"] = .string(status)
            object["call_id"] = .string(callID)
            for (key, value) in tool.members(of: isEmpty && !tool.isToldWhole ? "" : text) { object[key] = value }
        }
        return .object(object)
    }

    private func part(isEmpty: Bool) -> JSON? {
        let text: JSON = .string(isEmpty ? "" : text)
        switch kind {
        case .message:
            return ["type": "output_text", "annotations": [], "logprobs": isEmpty ? [] : LogprobsEncoder.list(probabilities), "text": text]
        case .reasoning(let asSummary): return ["type": asSummary ? "summary_text" : "reasoning_text", "text": text]
        case .call: return nil
        }
    }
}
