import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of `messages` in the forms that clients really send: null and missing contents, parts, and fields echoed from earlier answers. It
/// ignores keys that OpenAI does not know.
enum ChatMessageDecoder {
    /// - ignored: receives the parts that the model does not see, such as `messages[2].content[1]`.
    static func decode(_ fields: FieldReader, _ ignored: inout ReportedNames) throws(APIError) -> [ChatMessage] {
        let value = try fields.required("messages")
        guard let array = value.arrayValue else {
            throw .wrongType(fields.path(to: "messages"), expected: "an array of objects", got: value)
        }
        if array.isEmpty { throw .emptyArray(fields.path(to: "messages")) }
        let most = InputLimits.standard.messages
        if array.count > most { throw .arrayTooLong(fields.path(to: "messages"), maximum: most, got: array.count) }
        var messages: [ChatMessage] = []
        messages.reserveCapacity(array.count)
        for (index, element) in array.enumerated() {
            messages.append(try message(try fields.element(element, of: "messages", at: index), &ignored))
        }
        try MediaDecoder.checkCount(messages, "\(fields.path(to: "messages"))")
        return messages
    }

    private static func message(_ fields: FieldReader, _ ignored: inout ReportedNames) throws(APIError) -> ChatMessage {
        let role = try fields.choice("role", as: ChatMessage.Role.self)
        var toolCallID = try fields.string("tool_call_id")
        // Some clients, such as Home Assistant, send results without an ID, in the order of the calls.
        if role == .function { toolCallID = ChatMessage.deprecatedCallID }
        return ChatMessage(
            role: role == .function ? .tool : role,
            content: try content(fields, role: role, &ignored),
            name: try fields.string("name"),
            toolCallID: toolCallID,
            toolCalls: try toolCalls(fields),
            reasoning: try reasoning(fields, role))
    }

    /// Returns the reasoning of an earlier answer. The message's own fields win over the parts of its content.
    private static func reasoning(_ fields: FieldReader, _ role: ChatMessage.Role) throws(APIError) -> String? {
        let (text, other) = (try fields.string("reasoning_content"), try fields.string("reasoning"))
        let given = text ?? other
        guard role == .assistant, let inParts = try ReasoningPart.text(of: fields) else { return given }
        return given?.isEmpty ?? true ? inParts : given
    }

    // MARK: Content

    private static func content(
        _ fields: FieldReader, role: ChatMessage.Role, _ ignored: inout ReportedNames
    ) throws(APIError) -> [ContentPart]? {
        if fields.value("content") == nil {
            // Only an assistant message may have no content, for example if it only calls tools.
            if role == .assistant || role == .function { return nil }
            let path = fields.path(to: "content")
            throw fields.object["content"] == nil ? .missing(path) : .wrongType(path, expected: "a string or an array of objects", got: .null)
        }
        let isResult = role == .tool || role == .function
        let media = role == .user ? fields.media : isResult ? fields.media.intersection(.image) : .none
        return try parts(fields, isResult: isResult, isAnswer: role == .assistant, media, &ignored)
    }

    /// Returns the texts of `content`, which is required: a string, or parts of text.
    static func texts(_ fields: FieldReader) throws(APIError) -> [String] {
        var ignored = ReportedNames()
        return try parts(fields, isResult: false, .none, &ignored).compactMap(\.text)
    }

    /// - isResult: whether the content is a tool's output. A text takes the place of what the model cannot read in it; see `OmittedPart`.
    /// - isAnswer: whether the content is an earlier answer. Its parts with reasoning are not content; see `ReasoningPart`.
    /// - media: the kinds of media that the content may contain.
    private static func parts(
        _ fields: FieldReader, isResult: Bool, isAnswer: Bool = false, _ media: MediaKinds, _ ignored: inout ReportedNames
    ) throws(APIError) -> [ContentPart] {
        let value = try fields.required("content")
        if let text = value.stringValue { return [.text(text)] }
        guard let parts = value.arrayValue else {
            throw .wrongType(fields.path(to: "content"), expected: "a string or an array of objects", got: value)
        }
        var contents: [ContentPart] = []
        for (index, part) in parts.enumerated() {
            let part = try fields.element(part, of: "content", at: index)
            if isAnswer, ReasoningPart.isReasoning(part) { continue }
            if isResult, let text = OmittedPart.text(of: try part.requiredString("type")) {
                if part.value("type") == "image_url", media.contains(.image), let image = try? MediaDecoder.chatImage(part) {
                    contents.append(.media(image))
                    continue
                }
                contents.append(.text(text))
                ignored.append("\(part.path)")
            } else {
                contents.append(try self.part(part, media))
            }
        }
        return contents
    }

    private static func part(_ part: FieldReader, _ media: MediaKinds) throws(APIError) -> ContentPart {
        let type = try part.requiredString("type")
        switch type {
        // The last two are the names of the Responses API.
        case "text", "input_text", "output_text": return .text(try part.requiredString("text"))
        case "refusal": return .text(try part.requiredString("refusal"))
        case "image_url" where media.contains(.image): return .media(try MediaDecoder.chatImage(part))
        case "input_audio" where media.contains(.audio): return .media(try MediaDecoder.audio(part))
        case "image_url", "input_audio", "file", "video_url":
            let read = [("image_url", MediaKinds.image), ("input_audio", .audio)].filter { media.contains($0.1) }.map { $0.0 }
            throw .notText(part.path(to: "type"), type, supported: ["text", "refusal"] + read)
        default: throw .invalidValue(part.path(to: "type"), type, supported: ["text", "refusal"])
        }
    }

    // MARK: Calls in the message history

    /// Returns the tool calls of an earlier answer as function calls with arguments in JSON text; nil if the answer has no calls.
    private static func toolCalls(_ fields: FieldReader) throws(APIError) -> JSON? {
        if let value = fields.value("tool_calls") {
            guard let elements = value.arrayValue else {
                throw .wrongType(fields.path(to: "tool_calls"), expected: "an array of objects", got: value)
            }
            var calls: [JSON] = []
            for (index, element) in elements.enumerated() {
                calls.append(try toolCall(try fields.element(element, of: "tool_calls", at: index)))
            }
            return calls.isEmpty ? nil : .array(calls)
        }
        guard let function = try fields.nested("function_call") else { return nil }
        return [["id": .string(ChatMessage.deprecatedCallID), "type": "function", "function": try self.function(function)]]
    }

    private static func toolCall(_ call: FieldReader) throws(APIError) -> JSON {
        var object: JSONObject = ["id": .string(try call.string("id") ?? ""), "type": "function"]
        if let custom = try call.nested("custom") {
            let input: JSON = [CallDialect.inputName: .string(try custom.string("input") ?? "")]
            object["function"] = ["name": .string(try custom.requiredString("name")), "arguments": .string(input.text)]
        } else {
            guard let function = try call.nested("function") else { throw .missing(call.path(to: "function")) }
            object["function"] = try self.function(function)
        }
        return .object(object)
    }

    /// Accepts any arguments, because models sometimes write malformed ones. A text that is not JSON becomes a JSON string, which every template can
    /// render.
    private static func function(_ function: FieldReader) throws(APIError) -> JSON {
        let name = try function.requiredString("name")
        let value = function.value("arguments") ?? "{}"
        let arguments = try CallArguments.read(value.stringValue ?? value.text, function.path(to: "arguments"))
        return ["name": .string(name), "arguments": .string(arguments)]
    }
}

extension APIError {
    /// Returns the error for a part of a message that the model cannot read, such as an image for a model that reads only text.
    static func notText(_ path: JSONPath, _ type: String, supported: [String]) -> APIError {
        var error = unsupportedValue(path, type, supported: supported)
        error.message += " The model reads nothing else."
        return error
    }
}
