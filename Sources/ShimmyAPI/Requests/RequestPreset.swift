package import ShimmyChat
package import ShimmyJSON

/// What somebody other than the client says about a model's requests: the configuration, or the store that the model was found in.
///
/// Fields are applied to the request's JSON before it is decoded, so that the decoder checks them like a client's; a system prompt and
/// examples are added to the decoded conversation, so that errors about messages count as the client does.
package struct RequestPreset: Sendable, Equatable {
    /// For conversations without a system message; empty for none.
    package var system: String
    /// Messages that go before a conversation's own, after the system message.
    package var examples: [ChatMessage]
    /// Fields of a chat request, where the request has none.
    package var defaults: JSONObject
    /// Fields of a chat request, whatever the request has.
    package var forced: JSONObject

    package static let none = RequestPreset()

    package init(system: String = "", examples: [ChatMessage] = [], defaults: JSONObject = [:], forced: JSONObject = [:]) {
        self.system = system
        self.examples = examples
        self.defaults = defaults
        self.forced = forced
    }

    /// What a client alone can say.
    private static let clientsOwn: Set<String> = ["model", "messages", "stream", "stream_options", "functions", "function_call", "store", "metadata"]
    /// One setting with a name for each endpoint, and an older one.
    private static let limits = ["max_completion_tokens", "max_output_tokens", "max_tokens"]

    /// The fields that may be preset.
    package static var fields: [String] {
        Compatibility.chatCompletions.request.map(\.field).filter { name in
            !name.contains(".") && !name.contains("[") && !clientsOwn.contains(name) && Compatibility.chatCompletions.takes(name)
        }
    }

    /// Why fields cannot be preset: what a client would be told that sent them.
    package static func problem(_ fields: JSONObject) -> APIError? {
        do {
            var request: JSONObject = ["model": "model", "messages": [["role": "user", "content": "text"]]]
            for (name, value) in fields { request[name] = value }
            _ = try ChatCompletionRequest(.object(request))
            return nil
        } catch {
            return error
        }
    }

    /// The request with what is preset. Fields that the endpoint does not have are left out.
    /// - Returns: also the fields of the client's that were replaced by other values, in the request's order.
    package func applied(to request: JSON, of endpoint: EndpointRow) -> (request: JSON, replaced: [String]) {
        guard var object = request.objectValue, !(defaults.isEmpty && forced.isEmpty) else { return (request, []) }
        var replaced: Set<String> = []
        for (name, value) in defaults {
            let names = Self.names(of: name, in: endpoint)
            if let first = names.first, names.allSatisfy({ object[$0]?.isNull ?? true }) { object[first] = value }
        }
        for (name, value) in forced {
            let names = Self.names(of: name, in: endpoint)
            guard let first = names.first else { continue }
            for name in names {
                // What came from the defaults is no client's.
                if let old = request[name], !old.isNull, old != value { replaced.insert(name) }
                object[name] = nil
            }
            object[first] = value
        }
        return (.object(object), request.objectValue?.keys.filter(replaced.contains) ?? [])
    }

    /// The fields of those recommended for which nothing is preset.
    package func adding(recommended fields: JSONObject) -> JSONObject {
        fields.reduce(into: JSONObject()) { result, field in
            if defaults[field.key] == nil, forced[field.key] == nil { result[field.key] = field.value }
        }
    }

    /// What a field is called at an endpoint; nothing when it is not there.
    private static func names(of name: String, in endpoint: EndpointRow) -> [String] {
        (limits.contains(name) ? limits : [name]).filter(endpoint.takes)
    }

    /// Adds what goes before a conversation's own messages.
    package func complete(_ conversation: inout Conversation) {
        let leads = conversation.messages.first.map { $0.role == .system || $0.role == .developer } ?? false
        conversation.messages.insert(contentsOf: examples, at: leads ? 1 : 0)
        let hasSystem = conversation.messages.contains { $0.role == .system || $0.role == .developer }
        if !hasSystem, !system.isEmpty { conversation.messages.insert(ChatMessage(.system, system), at: 0) }
    }
}

extension EndpointRow {
    /// Whether a field of the request has an effect.
    func takes(_ field: String) -> Bool {
        switch support(ofField: field) {
        case .supported, .partial: true
        case .refused, .ignored, .notSupported, nil: false
        }
    }
}
