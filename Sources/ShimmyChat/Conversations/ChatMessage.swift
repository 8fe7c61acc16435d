package import ShimmyJSON

/// One message of a conversation.
package struct ChatMessage: Sendable, Equatable {
    package enum Role: String, Sendable, CaseIterable {
        case system, developer, user, assistant, tool, function
    }

    package var role: Role
    /// The parts in order; nil for a message without content, such as an assistant's tool calls.
    package var content: [ContentPart]?
    package var name: String?
    /// The ID of the call that a tool message answers; nil if the client sent none.
    package var toolCallID: String?
    /// An assistant's earlier calls, as received in OpenAI's JSON format; nil for none.
    package var toolCalls: JSON?
    package var reasoning: String?

    package init(
        role: Role, content: [ContentPart]?, name: String? = nil, toolCallID: String? = nil, toolCalls: JSON? = nil, reasoning: String? = nil
    ) {
        self.role = role
        self.content = content
        self.name = name
        self.toolCallID = toolCallID
        self.toolCalls = toolCalls
        self.reasoning = reasoning
    }

    /// Whether the message has media, or a text that is not empty.
    package var hasContent: Bool { (content ?? []).contains { $0.media != nil || $0.text?.isEmpty == false } }

    /// The texts of the content's parts, in order.
    package var texts: [String] { (content ?? []).compactMap(\.text) }

    /// The images and recordings of the content, in order.
    package var media: [MediaPart] { (content ?? []).compactMap(\.media) }

    /// Whether the message has no content, no reasoning and no calls.
    package var isEmpty: Bool { !hasContent && toolCalls == nil && reasoning?.isEmpty ?? true }

    package init(_ role: Role, _ text: String) { self.init(role: role, content: [.text(text)]) }

    /// The message in OpenAI's JSON format, for which chat templates are written. Joins text parts into one text, because templates expect a string.
    /// Media is left out.
    package var json: JSON {
        var object: JSONObject = ["role": .string(role.rawValue)]
        object["content"] = content == nil ? .null : .string(texts.joined(separator: "\n"))
        if let name { object["name"] = .string(name) }
        if let toolCallID { object["tool_call_id"] = .string(toolCallID) }
        if let toolCalls { object["tool_calls"] = toolCalls }
        if let reasoning { object["reasoning_content"] = .string(reasoning) }
        return .object(object)
    }
}
