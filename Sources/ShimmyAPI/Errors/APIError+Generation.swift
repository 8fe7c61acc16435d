package import ShimmyChat
import ShimmyJSON

extension APIError {
    /// Creates OpenAI's error for a request that a backend refused.
    /// - input: the field that contains the prompt.
    /// - choices: the field with the number of answers per prompt.
    /// - isResponse: whether the request has the fields of the Responses API.
    package init(_ error: GenerationError, input: String = "messages", choices: String = "n", isResponse: Bool = false) {
        func tool(_ index: Int, _ nested: String, _ field: String) -> String { "tools[\(index)]\(isResponse ? "" : "." + nested).\(field)" }
        let schema = isResponse ? "text.format.schema" : "response_format.json_schema.schema"
        switch error {
        case .templateRefused(let reason):
            self.init(
                status: 400, message: "The model's chat template refused the conversation: \(reason)", param: input, code: "invalid_value")
        case .unfitBeginning(let reason):
            self.init(status: 400, message: "Invalid '\(input)': \(reason).", param: input, code: "invalid_value")
        case .contextExceeded(let prompt, let requested, let context, let isFewest):
            self = .contextExceeded(prompt: prompt, requested: requested, context: context, isFewest: isFewest, input: input)
        case .tooManyAnswers(let prompts, let each, let most):
            let field = prompts == 1 || each > most ? choices : input
            self.init(
                status: 400,
                message: "Invalid '\(field)': this server runs and queues at most \(most) answers at once, but the request asks "
                    + "for \(prompts * each).", param: field, code: "invalid_value")
        case .unknownToken(let token, let count):
            self.init(
                status: 400, message: "Invalid key in 'logit_bias': the model has no token \(token); token ids must be below \(count).",
                param: "logit_bias", code: "invalid_value")
        case .noInfill:
            self.init(
                status: 400, message: "Unsupported parameter: 'suffix' needs a model that supports infilling, and this model does not.",
                param: "suffix",
                code: "unsupported_parameter")
        case .noThinking:
            self.init(
                status: 400, message: "Unsupported parameter: the model does not reason.", param: "reasoning_effort", code: "unsupported_parameter")
        case .unknownPromptToken(let prompt, let token):
            self.init(
                status: 400, message: "Invalid '\(input)': the model has no token \(token) (in text \(prompt)).", param: input,
                code: "invalid_value")
        case .emptyInput(let index):
            self.init(status: 400, message: "Invalid '\(input)[\(index)]': it has no tokens.", param: "\(input)[\(index)]", code: "invalid_value")
        case .inputTooLong(let index, let tokens, let context):
            self.init(
                status: 400,
                message:
                    "This model's maximum context length is \(context) tokens, however '\(input)[\(index)]' has \(tokens) tokens. Please reduce its length.",
                param: "\(input)[\(index)]", code: "context_length_exceeded")
        case .tooManyDimensions(let wanted, let most):
            self = .aboveMaximum(.key("dimensions"), kind: "integer", maximum: "\(most)", got: "\(wanted)")
        case .badToolGrammar(let index, let reason):
            let path = isResponse ? tool(index, "custom", "format.definition") : tool(index, "custom", "format.grammar.definition")
            self.init(
                status: 400, message: "Invalid '\(path)': \(reason) (left recursion is not supported).", param: path, code: "invalid_value")
        case .badGrammar(let field, let reason):
            self.init(status: 400, message: "Invalid '\(field)': \(reason).", param: field, code: "invalid_value")
        case .badSchema(.some(let index), let reason):
            let path = tool(index, "function", "parameters")
            self.init(status: 400, message: "Invalid schema for '\(path)': \(reason)", param: path, code: "invalid_function_parameters")
        case .badSchema(nil, let reason):
            self.init(status: 400, message: "Invalid schema for '\(schema)': \(reason)", param: schema, code: "invalid_json_schema")
        case .badAdapter(let position, let reference, let reason):
            let (field, given) =
                switch reference {
                case .name(let name): ("lora[\(position)].name", "'\(name)'")
                case .index(let index): ("lora[\(position)].id", "\(index)")
                }
            self.init(
                status: 400, message: "Invalid '\(field)': \(given) cannot be used: \(reason).", param: field, code: "invalid_value")
        case .badLabel(let question, _, let reason):
            self.init(
                status: 400, message: "Invalid 'questions[\(question)]': \(reason).", param: "questions[\(question)]", code: "invalid_value")
        case .badToolResults(let reason):
            self.init(status: 400, message: "Invalid parameter: \(reason).", param: input, code: "invalid_value")
        case .beyondLimit(let reason):
            self.init(status: 400, message: "Invalid '\(input)': the prompt \(reason).", param: input, code: "limit_exceeded")
        case .emptyPrompt:
            self.init(status: 400, message: "The prompt is empty.", param: input, code: "invalid_value")
        }
    }
}
