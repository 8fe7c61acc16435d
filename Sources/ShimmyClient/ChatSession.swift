package import ShimmyJSON

/// A conversation with a model and its settings, which are kept between questions and can be saved.
package struct ChatSession: Sendable, Equatable {
    package struct Message: Sendable, Equatable {
        package enum Role: String, Sendable { case user, assistant, tool }

        package var role: Role
        package var content: String
        /// The images of a question, as `data:` URLs.
        package var images: [String] = []
        /// The calls of tools in an answer.
        package var calls: [ToolCall] = []
        /// The id of the call whose result this is.
        package var callID: String?

        package init(_ role: Role, _ content: String, images: [String] = [], calls: [ToolCall] = [], callID: String? = nil) {
            self.role = role
            self.content = content
            self.images = images
            self.calls = calls
            self.callID = callID
        }
    }

    package var model: String
    package var system: String?
    /// The request parameters by name, in the order in which they were set.
    package private(set) var parameters: JSONObject = [:]
    package private(set) var messages: [Message] = []
    /// The images of the next question, as `data:` URLs.
    package private(set) var images: [String] = []
    /// The format of answers, as in OpenAI's `response_format`; nil for any text.
    package var format: JSON?
    /// The tools that the model can call, as in a request's `tools`.
    package var tools: [JSON] = []
    /// How long the model stays loaded after an answer, in the form of the server's `keep_alive`; nil for the server's default.
    package var keepAlive: String?

    /// The max number of bytes of all images, because each request contains them all. Servers take bodies of 32 MiB.
    private static let mostImageBytes = 24 << 20

    package init(model: String) { self.model = model }

    // MARK: Parameters

    package mutating func set(_ name: String, _ text: String) throws(ChatParameter.Refusal) {
        parameters[name] = try ChatParameter.named(name).value(text)
    }

    /// Resets a parameter to the server's default.
    package mutating func unset(_ name: String) throws(ChatParameter.Refusal) {
        parameters[try ChatParameter.named(name).name] = nil
    }

    // MARK: Messages

    /// Adds an image to the next question.
    package mutating func attach(_ image: ImageFile) throws(ImageFile.Refusal) {
        let bytes = (messages.flatMap(\.images) + images).reduce(image.address.utf8.count) { $0 + $1.utf8.count }
        guard bytes <= Self.mostImageBytes else {
            throw ImageFile.Refusal(description: "the images would have more than \(Self.mostImageBytes) bytes; /clear starts a new conversation")
        }
        images.append(image.address)
    }

    package mutating func ask(_ text: String) {
        messages.append(Message(.user, text, images: images))
        images = []
    }

    /// Records the answer to the last question or results. If the answer is empty, removes the question, so that the next one does not follow it.
    package mutating func answered(_ text: String, calls: [ToolCall] = []) {
        if text.isEmpty, calls.isEmpty {
            if messages.last?.role == .user { messages.removeLast() }
            if messages.last?.role == .tool { dropCalls() }
        } else {
            messages.append(Message(.assistant, text, calls: calls))
        }
    }

    /// Adds the result of a call of the last answer.
    package mutating func returned(_ result: String, of call: ToolCall) { messages.append(Message(.tool, result, callID: call.id)) }

    /// Removes the last answer with calls, its results and its question, because a call without a result cannot be continued.
    package mutating func dropCalls() {
        guard let answer = messages.lastIndex(where: { $0.role == .assistant }), !messages[answer].calls.isEmpty else { return }
        messages.removeSubrange((messages[..<answer].lastIndex { $0.role == .user } ?? answer)...)
    }

    package mutating func clear() { (messages, images) = ([], []) }

    /// Returns a streaming request for the next answer.
    /// - recommended: fields to use where the session has no values of its own.
    package func request(recommended: JSONObject = [:]) -> JSON {
        var all: [JSON] = messages.map(\.json)
        if let system { all.insert(["role": "system", "content": .string(system)], at: 0) }
        var fields: JSONObject = [
            "model": .string(model), "messages": .array(all), "stream": true, "stream_options": ["include_usage": true],
        ]
        for (name, value) in recommended { fields[name] = value }
        for (name, value) in parameters { fields[name] = value }
        if !tools.isEmpty { fields["tools"] = .array(tools) }
        if let format { fields["response_format"] = format }
        if let keepAlive { fields["keep_alive"] = .string(keepAlive) }
        return .object(fields)
    }
}

// MARK: - Saving

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

    /// Restores a saved conversation with its system message and parameters, but keeps the current model. Throws `Unreadable`, and changes nothing,
    /// if it cannot be read. Returns the model of the saved conversation.
    package mutating func restore(_ saved: JSON) throws(Unreadable) -> String {
        guard saved["version"]?.intValue == 1, let model = saved["model"]?.stringValue, let messages = saved["messages"]?.arrayValue else {
            throw Unreadable(description: "the file is not a saved session")
        }
        var restored: [Message] = []
        for message in messages {
            guard let role = message["role"]?.stringValue.flatMap(Message.Role.init), let (content, images) = Message.parts(message["content"]) else {
                throw Unreadable(description: "message \(restored.count + 1) of the session cannot be read")
            }
            let calls = (message["tool_calls"]?.arrayValue ?? []).compactMap { ToolCall($0) }
            restored.append(Message(role, content, images: images, calls: calls, callID: message["tool_call_id"]?.stringValue))
        }
        let parameters = saved["parameters"]?.objectValue ?? [:]
        for (name, value) in parameters {
            guard let parameter = try? ChatParameter.named(name), parameter.accepts(value) else {
                throw Unreadable(description: "the session's parameter \(name) is not valid")
            }
        }
        (self.messages, self.parameters, system) = (restored, parameters, saved["system"]?.stringValue)
        images = []
        return model
    }
}

extension ChatSession.Message {
    var json: JSON {
        var fields: JSONObject = ["role": .string(role.rawValue), "content": .string(content)]
        if !images.isEmpty {
            var parts = images.map { address -> JSON in ["type": "image_url", "image_url": ["url": .string(address)]] }
            parts.append(["type": "text", "text": .string(content)])
            fields["content"] = .array(parts)
        }
        if !calls.isEmpty { fields["tool_calls"] = .array(calls.map(\.json)) }
        if let callID { fields["tool_call_id"] = .string(callID) }
        return .object(fields)
    }

    /// Returns the text and the images of a message's content; nil if it cannot be read.
    fileprivate static func parts(_ content: JSON?) -> (text: String, images: [String])? {
        if let text = content?.stringValue { return (text, []) }
        guard let parts = content?.arrayValue else { return nil }
        let images = parts.compactMap { $0["image_url"]?["url"]?.stringValue }
        let texts = parts.compactMap { $0["text"]?.stringValue }
        return images.count + texts.count == parts.count ? (texts.joined(separator: "\n\n"), images) : nil
    }
}
