import ShimmyChat
import ShimmyJSON

/// All of a chat request that the prompt follows from.
struct ConversationDecoder {
    private(set) var conversation: Conversation
    private(set) var dialect: CallDialect
    /// Tokens of thinking at most.
    private(set) var thinkingBudget: Int?
    /// See `ToolDecoder.ignored`.
    private(set) var ignored: [String]

    init(_ fields: FieldReader) throws(APIError) {
        let tools = try ToolDecoder(fields)
        dialect = tools.dialect
        ignored = tools.ignored
        conversation = Conversation(messages: try ChatMessageDecoder.decode(fields), tools: tools.tools, toolChoice: tools.choice)
        conversation.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true && !dialect.usesFunctions && !tools.choice.isOneCall
        conversation.responseSchema = try Self.responseSchema(fields, &conversation.isResponseStrict)
        try decodeTemplateArguments(fields)
        try decodeReasoning(fields)
        conversation.continuation = try Self.continuation(fields, conversation.messages)
    }

    // MARK: The response's format

    private static func responseSchema(_ fields: FieldReader, _ isStrict: inout Bool) throws(APIError) -> JSON? {
        guard let format = try fields.nested("response_format") else { return nil }
        let type = try format.requiredString("type")
        switch type {
        case "text": return nil
        case "json_object": return ["type": "object"]
        case "json_schema":
            guard let wrapper = try format.nested("json_schema") else { throw .missing(format.path(to: "json_schema")) }
            _ = try wrapper.requiredString("name")
            _ = try wrapper.string("description")
            isStrict = try wrapper.bool("strict") ?? false
            let schema = wrapper.value("schema") ?? [:]
            guard let object = schema.objectValue else { throw .wrongType(wrapper.path(to: "schema"), expected: "an object", got: schema) }
            return object.isEmpty ? ["type": "object"] : schema
        default: throw .invalidValue(format.path(to: "type"), type, supported: ["text", "json_object", "json_schema"])
        }
    }

    // MARK: Templates and thinking

    private mutating func decodeTemplateArguments(_ fields: FieldReader) throws(APIError) {
        guard let arguments = try fields.nested("chat_template_kwargs") else { return }
        conversation.templateArguments = arguments.object
        conversation.thinks = try arguments.bool("enable_thinking")
    }

    private enum Effort: String, CaseIterable {
        case none, minimal, low, medium, high, xhigh

        /// Tokens of thinking; nil for any number.
        var budget: Int? {
            switch self {
            case .none: 0
            case .minimal: 256
            case .low: 1024
            case .medium: 4096
            case .high, .xhigh: nil
            }
        }

        /// Templates know three.
        var forTemplates: String {
            switch self {
            case .none, .minimal, .low: "low"
            case .medium: "medium"
            case .high, .xhigh: "high"
            }
        }
    }

    private mutating func decodeReasoning(_ fields: FieldReader) throws(APIError) {
        if fields.value("reasoning_effort") != nil {
            let effort = try fields.choice("reasoning_effort", as: Effort.self)
            thinkingBudget = effort.budget
            if effort == .none {
                conversation.thinks = conversation.thinks ?? false
            } else if conversation.templateArguments["reasoning_effort"] == nil {
                conversation.templateArguments["reasoning_effort"] = .string(effort.forTemplates)
            }
        }
        if let budget = try fields.integer("reasoning_budget_tokens", in: -1...Int64(Int32.max)) {
            thinkingBudget = budget < 0 ? Int?.none : Int(budget)
        }
        if fields.value("reasoning_field") != nil {
            dialect.reasoningField = try fields.choice("reasoning_field", as: CallDialect.ReasoningField.self)
        }
    }

    // MARK: The last message

    /// An assistant's message at the end is the beginning of the answer, unless the client says otherwise.
    private static func continuation(_ fields: FieldReader, _ messages: [ChatMessage]) throws(APIError) -> Conversation.Continuation {
        let wanted = try fields.bool("continue_final_message")
        guard let last = messages.last, last.role == .assistant, last.toolCalls == nil else {
            if wanted == true {
                throw APIError(
                    status: 400, message: "'continue_final_message' needs a last message of the assistant that calls no tools.",
                    param: "continue_final_message", code: "invalid_value")
            }
            return .no
        }
        if wanted == false { return .no }
        let hasContent = last.content?.contains { !$0.isEmpty } ?? false
        return !hasContent && last.reasoning?.isEmpty == false ? .reasoning : .content
    }
}
