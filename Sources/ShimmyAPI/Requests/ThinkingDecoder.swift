import ShimmyChat
import ShimmyJSON

/// How much a model may think, and what its template is told of it.
enum ThinkingDecoder {
    enum Effort: String, CaseIterable {
        case none, minimal, low, medium, high, xhigh, max

        /// Tokens of thinking; nil for any number.
        var budget: Int? {
            switch self {
            case .none: 0
            case .minimal: 256
            case .low: 1024
            case .medium: 4096
            case .high, .xhigh, .max: nil
            }
        }

        /// Templates know three.
        var forTemplates: String {
            switch self {
            case .none, .minimal, .low: "low"
            case .medium: "medium"
            case .high, .xhigh, .max: "high"
            }
        }
    }

    /// Tokens of thinking at most; nil for any number. The template's arguments go into the conversation.
    static func budget(_ effort: Effort?, _ fields: FieldReader, _ conversation: inout Conversation) throws(APIError) -> Int? {
        if let arguments = try fields.nested("chat_template_kwargs") {
            // Templates know these names as parts of the conversation itself.
            for name in ["messages", "tools", "add_generation_prompt"] where arguments.object[name] != nil {
                let path = "\(arguments.path(to: name))"
                throw APIError(
                    status: 400, message: "Unsupported parameter: '\(path)' cannot be given here: the request has a field for it.", param: path,
                    code: "unsupported_parameter")
            }
            conversation.templateArguments = arguments.object
            conversation.thinks = try arguments.bool("enable_thinking")
        }
        if effort == Effort.none {
            conversation.thinks = conversation.thinks ?? false
        } else if let effort, conversation.templateArguments["reasoning_effort"] == nil {
            conversation.templateArguments["reasoning_effort"] = .string(effort.forTemplates)
        }
        guard let budget = try fields.integer("reasoning_budget_tokens", in: -1...Int64(Int32.max)) else { return effort?.budget }
        return budget < 0 ? Int?.none : Int(budget)
    }
}
