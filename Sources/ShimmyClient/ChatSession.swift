package import ShimmyJSON

/// A conversation with a model and how it is held: what is kept between questions, and saved.
package struct ChatSession: Sendable, Equatable {
    package struct Message: Sendable, Equatable {
        package enum Role: String, Sendable { case user, assistant }

        package var role: Role
        package var content: String

        package init(_ role: Role, _ content: String) {
            self.role = role
            self.content = content
        }
    }

    package var model: String
    package var system: String?
    /// By name, in the order in which they were set.
    package private(set) var parameters: JSONObject = [:]
    package private(set) var messages: [Message] = []
    /// What answers have to be: OpenAI's `response_format`; nil for any text.
    package var format: JSON?
    /// How long the model stays loaded after an answer, as the server takes it; nil leaves that to the server.
    package var keepAlive: String?

    package init(model: String) { self.model = model }

    // MARK: Parameters

    package mutating func set(_ name: String, _ text: String) throws(ChatParameter.Refusal) {
        parameters[name] = try ChatParameter.named(name).value(text)
    }

    /// Back to what the server does by itself.
    package mutating func unset(_ name: String) throws(ChatParameter.Refusal) {
        parameters[try ChatParameter.named(name).name] = nil
    }

    // MARK: Talking

    package mutating func ask(_ text: String) { messages.append(Message(.user, text)) }

    /// What came of the last question. Without a word of an answer, the question is taken back: the next one stands for itself.
    package mutating func answered(_ text: String) {
        if text.isEmpty {
            if messages.last?.role == .user { messages.removeLast() }
        } else {
            messages.append(Message(.assistant, text))
        }
    }

    package mutating func clear() { messages = [] }

    /// A request for the next answer, to be streamed.
    /// - recommended: fields for which the session has no values of its own.
    package func request(recommended: JSONObject = [:]) -> JSON {
        var all: [JSON] = messages.map(\.json)
        if let system { all.insert(["role": "system", "content": .string(system)], at: 0) }
        var fields: JSONObject = [
            "model": .string(model), "messages": .array(all), "stream": true, "stream_options": ["include_usage": true],
        ]
        for (name, value) in recommended { fields[name] = value }
        for (name, value) in parameters { fields[name] = value }
        if let format { fields["response_format"] = format }
        if let keepAlive { fields["keep_alive"] = .string(keepAlive) }
        return .object(fields)
    }
}

// MARK: - Saved

extension ChatSession {
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    package var saved: JSON {
        [
            "version": 1, "model": .string(model), "system": system.map(JSON.string) ?? .null, "parameters": .object(parameters),
            "messages": .array(messages.map(\.json)),
        ]
    }

    /// Takes over a saved conversation with its system message and parameters; the model stays. Nothing is changed when it cannot be read.
    /// Returns the model that it was held with.
    package mutating func restore(_ saved: JSON) throws(Unreadable) -> String {
        guard saved["version"]?.intValue == 1, let model = saved["model"]?.stringValue, let messages = saved["messages"]?.arrayValue else {
            throw Unreadable(description: "it is no saved session")
        }
        var restored: [Message] = []
        for message in messages {
            guard let role = message["role"]?.stringValue.flatMap(Message.Role.init), let content = message["content"]?.stringValue else {
                throw Unreadable(description: "message \(restored.count + 1) cannot be read")
            }
            restored.append(Message(role, content))
        }
        let parameters = saved["parameters"]?.objectValue ?? [:]
        for (name, value) in parameters {
            guard let parameter = try? ChatParameter.named(name), parameter.accepts(value) else {
                throw Unreadable(description: "its parameter \(name) cannot be used")
            }
        }
        (self.messages, self.parameters, system) = (restored, parameters, saved["system"]?.stringValue)
        return model
    }
}

extension ChatSession.Message {
    var json: JSON { ["role": .string(role.rawValue), "content": .string(content)] }
}
