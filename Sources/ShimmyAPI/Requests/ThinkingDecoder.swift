import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of the reasoning settings: the limit on reasoning tokens, and the arguments of the chat template.
enum ThinkingDecoder {
    enum Effort: String, CaseIterable {
        case none, minimal, low, medium, high, xhigh, max

        /// The max number of reasoning tokens; nil for no limit.
        var budget: Int? {
            switch self {
            case .none: 0
            case .minimal: 256
            case .low: 1024
            case .medium: 4096
            case .high, .xhigh, .max: nil
            }
        }

        /// The effort in the words of chat templates, which know three levels.
        var forTemplates: String {
            switch self {
            case .none, .minimal, .low: "low"
            case .medium: "medium"
            case .high, .xhigh, .max: "high"
            }
        }
    }

    /// The values of a limit on reasoning tokens; -1 stands for no limit.
    static let budgets: ClosedRange<Int64> = -1...Int64(Int32.max)

    /// Returns the max number of reasoning tokens; nil for no limit. Stores the template's arguments in the conversation.
    /// - effortField: the API's name of the field with the effort.
    /// - others: the fields of a chat completion, which has other names for `reasoning_budget_tokens`.
    static func budget(
        _ effort: Effort?, _ effortField: String, _ fields: FieldReader, others: ChatEffort? = nil, _ conversation: inout Conversation
    ) throws(APIError) -> Int? {
        if let arguments = try fields.nested("chat_template_kwargs") {
            // Templates use these names for parts of the conversation itself.
            for name in ["messages", "tools", "add_generation_prompt"] where arguments.object[name] != nil {
                let path = "\(arguments.path(to: name))"
                throw APIError(
                    status: 400, message: "Unsupported parameter: '\(path)' cannot be set here; the request has its own field for it.", param: path,
                    code: "unsupported_parameter")
            }
            if let number = JSON.object(arguments.object).numberBeyondDouble {
                throw APIError(
                    status: 400,
                    message: "Invalid 'chat_template_kwargs': the number \(number.literal.prefix(40)) exceeds the range of double-precision numbers.",
                    param: "chat_template_kwargs", code: "invalid_value")
            }
            let most = InputLimits.standard.templateArguments
            // The object itself is a value too.
            if JSON.object(arguments.object).hasMoreValues(than: most + 1) {
                throw APIError(
                    status: 400,
                    message: "Invalid 'chat_template_kwargs': it has more than \(most) values. "
                        + "This is a limit of the server; docs/limits.md lists all of them.", param: "chat_template_kwargs", code: "limit_exceeded")
            }
            conversation.templateArguments = arguments.object
            conversation.thinks = try arguments.bool("enable_thinking")
            if conversation.thinks == true { conversation.reasoningFields.append("\(arguments.path(to: "enable_thinking"))") }
        }
        if let effort, effort != Effort.none { conversation.reasoningFields.append(effortField) }
        if effort == Effort.none {
            conversation.thinks = conversation.thinks ?? false
        } else if let effort, conversation.templateArguments["reasoning_effort"] == nil {
            conversation.templateArguments["reasoning_effort"] = .string(effort.forTemplates)
        }
        var (given, field) = (try fields.integer("reasoning_budget_tokens", in: budgets), "reasoning_budget_tokens")
        if given == nil, let others { (given, field) = (others.budget, others.budgetField) }
        guard let budget = given else { return effort?.budget }
        if budget != 0 { conversation.reasoningFields.append(field) }
        return budget < 0 ? Int?.none : Int(budget)
    }
}
