import ShimmyJSON

/// The reasoning that a chat completion asks for, under all names of the fields: OpenAI's `reasoning_effort`, OpenRouter's `reasoning.effort`, Qwen's
/// `enable_thinking`, Ollama's `think`, and `thinking` of DeepSeek and GLM. Also the limit on reasoning tokens, under the names of other servers.
struct ChatEffort {
    /// nil if no field sets an effort.
    private(set) var effort: ThinkingDecoder.Effort?
    /// The path of the field that sets the effort.
    private(set) var effortField = "reasoning_effort"
    /// Whether the model reasons; nil if no field says so.
    private(set) var thinks: Bool?
    /// The path of the field that sets `thinks`.
    private(set) var thinksField = "enable_thinking"
    /// The max number of reasoning tokens, -1 for no limit; nil if no field sets it.
    private(set) var budget: Int64?
    /// The path of the field that sets `budget`.
    private(set) var budgetField = "reasoning_budget_tokens"

    private enum Mode: String, CaseIterable {
        case enabled, disabled
        /// The model decides.
        case adaptive, auto
    }

    /// Throws a 400 for fields that contradict each other.
    init(_ fields: FieldReader) throws(APIError) {
        if fields.value("reasoning_effort") != nil { effort = try fields.choice("reasoning_effort", as: ThinkingDecoder.Effort.self) }
        thinks = try fields.bool("enable_thinking")
        if let reasoning = try fields.nested("reasoning"), reasoning.value("effort") != nil {
            let given = try reasoning.choice("effort", as: ThinkingDecoder.Effort.self)
            let path = "\(reasoning.path(to: "effort"))"
            if let effort, effort != given { throw Self.contradiction(path, effortField) }
            if effort == nil { (effort, effortField) = (given, path) }
        }
        try readThink(fields)
        for name in ["reasoning_budget_tokens", "thinking_budget_tokens", "thinking_budget"] { try readBudget(fields, name) }
        if let thinking = try fields.nested("thinking") { try read(thinking) }
    }

    /// Reads Ollama's field: whether the model reasons, or how much.
    private mutating func readThink(_ fields: FieldReader) throws(APIError) {
        guard let value = fields.value("think") else { return }
        switch value {
        case .bool(let isOn):
            if let thinks, thinks != isOn { throw Self.contradiction("think", thinksField) }
            if thinks == nil { (thinks, thinksField) = (isOn, "think") }
        case .string:
            let given = try fields.choice("think", as: ThinkingDecoder.Effort.self)
            if let effort, effort != given { throw Self.contradiction("think", effortField) }
            if effort == nil { (effort, effortField) = (given, "think") }
        default: throw .wrongType(fields.path(to: "think"), expected: "a boolean or a string", got: value)
        }
    }

    private mutating func readBudget(_ fields: FieldReader, _ name: String) throws(APIError) {
        guard let given = try fields.integer(name, in: ThinkingDecoder.budgets) else { return }
        let path = "\(fields.path(to: name))"
        if let budget, budget != given { throw Self.contradiction(path, budgetField) }
        if budget == nil { (budget, budgetField) = (given, path) }
    }

    private mutating func read(_ thinking: FieldReader) throws(APIError) {
        let mode = try thinking.choice("type", as: Mode.self)
        if mode != .disabled { try readBudget(thinking, "budget_tokens") }
        guard mode == .enabled || mode == .disabled else { return }
        let (isOn, path) = (mode == .enabled, "\(thinking.path(to: "type"))")
        if let effort, (effort != ThinkingDecoder.Effort.none) != isOn { throw Self.contradiction(path, effortField) }
        if let thinks, thinks != isOn { throw Self.contradiction(path, thinksField) }
        if isOn {
            if thinks == nil { (thinks, thinksField) = (true, path) }
        } else if effort == nil {
            (effort, effortField) = (ThinkingDecoder.Effort.none, path)
        }
    }

    private static func contradiction(_ path: String, _ other: String) -> APIError {
        APIError(status: 400, message: "Invalid '\(path)': it contradicts '\(other)'. Send one of them.", param: path, code: "invalid_value")
    }
}
