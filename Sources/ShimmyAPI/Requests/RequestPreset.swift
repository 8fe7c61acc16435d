package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// Settings for a model's requests that do not come from the client, but from the configuration or from the store that the model was found in.
///
/// `applied` adds fields to the request's JSON before it is decoded, so that the decoder checks them like a client's. `complete` adds the system
/// message and examples to the decoded conversation, so that errors count the messages as the client does.
package struct RequestPreset: Sendable, Equatable {
    /// The system message for conversations without one; empty for none.
    package var system: String
    /// Messages to insert before a conversation's own, after the system message.
    package var examples: [ChatMessage]
    /// Fields of a chat request for requests that do not set them.
    package var defaults: JSONObject
    /// Fields of a chat request that override the request's.
    package var forced: JSONObject
    /// Whether the model serves requests for moderation.
    package var moderates = false
    /// The kinds of media that the model reads.
    package var media = MediaKinds.none

    package static let none = RequestPreset()

    package init(system: String = "", examples: [ChatMessage] = [], defaults: JSONObject = [:], forced: JSONObject = [:]) {
        self.system = system
        self.examples = examples
        self.defaults = defaults
        self.forced = forced
    }

    /// The fields that only a client may set.
    private static let clientsOwn = Set(["model", "messages", "stream", "stream_options", "functions", "function_call", "store", "metadata"])
        .union(effortNames).union(budgetNames)
    /// The other names of `reasoning_effort` and `enable_thinking` in chat completions.
    private static let effortNames: Set<String> = ["reasoning", "thinking", "think"]
    /// The other names of `reasoning_budget_tokens` in chat completions, without `thinking.budget_tokens`.
    private static let budgetNames: Set<String> = ["thinking_budget_tokens", "thinking_budget"]
    private static func isEffort(_ name: String) -> Bool { name == "reasoning_effort" || name == "enable_thinking" }
    /// The fields that only requests with tools may have.
    private static let needsTools = ["tool_choice", "parallel_tool_calls"]
    /// The names of one setting: one for each endpoint, and an older name.
    private static let limits = ["max_completion_tokens", "max_output_tokens", "max_tokens"]

    /// The fields that may be preset.
    package static var fields: [String] {
        Compatibility.chatCompletions.request.map(\.field).filter { name in
            !name.contains(".") && !name.contains("[") && !clientsOwn.contains(name) && Compatibility.chatCompletions.takes(name)
        }
    }

    /// Returns the error that a client would get if it sent these fields; nil if they can be preset.
    package static func problem(_ fields: JSONObject) -> APIError? {
        do {
            var request: JSONObject = ["model": "model", "messages": [["role": "user", "content": "text"]]]
            for (name, value) in fields { request[name] = value }
            // A choice of tools applies to requests with tools.
            if needsTools.contains(where: { fields[$0] != nil }), fields["tools"] == nil {
                request["tools"] = [["type": "function", "function": ["name": "f"]]]
            }
            _ = try ChatCompletionRequest(.object(request))
            return nil
        } catch {
            return error
        }
    }

    /// Returns the request with the preset fields. Fields that the endpoint does not have are omitted.
    /// - Returns: also the client's fields that got other values, in the request's order.
    package func applied(to request: JSON, of endpoint: EndpointRow) -> (request: JSON, replaced: [String]) {
        guard var object = request.objectValue, !(defaults.isEmpty && forced.isEmpty) else { return (request, []) }
        var replaced: Set<String> = []
        for (name, value) in defaults {
            let names = Self.names(of: name, in: endpoint)
            if Self.isEffort(name), Self.effortNames.contains(where: { !(request[$0]?.isNull ?? true) }) { continue }
            if name == "reasoning_budget_tokens", Self.setsBudget(request, endpoint) { continue }
            if let first = names.first, names.allSatisfy({ object[$0]?.isNull ?? true }) { object[first] = value }
        }
        for (name, value) in forced {
            let names = Self.names(of: name, in: endpoint)
            guard let first = names.first else { continue }
            for name in names {
                // Values from the defaults are not the client's.
                if let old = request[name], !old.isNull, old != value { replaced.insert(name) }
                object[name] = nil
            }
            object[first] = value
            if Self.isEffort(name) {
                for other in Self.effortNames where !(object[other]?.isNull ?? true) {
                    replaced.insert(other)
                    object[other] = nil
                }
            }
            if name == "reasoning_budget_tokens", Self.setsBudget(request, endpoint) { Self.removeBudgets(&object, &replaced) }
        }
        if object["tools"]?.arrayValue?.isEmpty ?? true {
            for name in Self.needsTools where request[name] == nil { object[name] = nil }
        }
        return (.object(object), request.objectValue?.keys.filter(replaced.contains) ?? [])
    }

    /// Returns whether a chat completion sets `reasoning_budget_tokens` under another name.
    private static func setsBudget(_ request: JSON, _ endpoint: EndpointRow) -> Bool {
        guard endpoint.takes("thinking_budget") else { return false }
        let values: [JSON?] = budgetNames.map { request[$0] } + [request["thinking"]?["budget_tokens"]]
        return values.contains { !($0?.isNull ?? true) }
    }

    private static func removeBudgets(_ object: inout JSONObject, _ replaced: inout Set<String>) {
        for name in budgetNames where !(object[name]?.isNull ?? true) {
            replaced.insert(name)
            object[name] = nil
        }
        guard var thinking = object["thinking"]?.objectValue, let budget = thinking["budget_tokens"], !budget.isNull else { return }
        replaced.insert("thinking")
        thinking["budget_tokens"] = nil
        object["thinking"] = .object(thinking)
    }

    /// Returns the recommended fields that neither the defaults nor the forced fields set.
    package func adding(recommended fields: JSONObject) -> JSONObject {
        fields.reduce(into: JSONObject()) { result, field in
            if defaults[field.key] == nil, forced[field.key] == nil { result[field.key] = field.value }
        }
    }

    /// Returns the names of a field at an endpoint; empty if the endpoint does not have it.
    private static func names(of name: String, in endpoint: EndpointRow) -> [String] {
        (limits.contains(name) ? limits : [name]).filter(endpoint.takes)
    }

    /// Inserts the system message and the examples before a conversation's own messages, and omits images in tools' outputs that the model does not
    /// read.
    package func complete(_ conversation: inout Conversation) {
        conversation.omitOutputMedia(except: media, atMost: InputLimits.standard.mediaParts)
        let leads = conversation.messages.first.map { $0.role == .system || $0.role == .developer } ?? false
        conversation.messages.insert(contentsOf: examples, at: leads ? 1 : 0)
        let hasSystem = conversation.messages.contains { $0.role == .system || $0.role == .developer }
        if !hasSystem, !system.isEmpty { conversation.messages.insert(ChatMessage(.system, system), at: 0) }
    }
}

extension EndpointRow {
    /// Returns whether a field of the request has an effect.
    func takes(_ field: String) -> Bool {
        switch support(ofField: field) {
        case .supported, .partial: true
        case .refused, .ignored, .notSupported, nil: false
        }
    }
}
