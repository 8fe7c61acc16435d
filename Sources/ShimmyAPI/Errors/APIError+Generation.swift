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
        case .unfitBeginning(let reason): self = .invalid(input, reason)
        case .contextExceeded(let prompt, let requested, let context, let isFewest):
            self = .contextExceeded(prompt: prompt, requested: requested, context: context, isFewest: isFewest, input: input)
        case .tooManyAnswers(let prompts, let each, let most):
            let field = prompts == 1 || each > most ? choices : input
            self = .invalid(field, "this server runs and queues at most \(most) answers at once, but the request asks for \(prompts * each)")
        case .unknownToken(let token, let count):
            self.init(
                status: 400, message: "Invalid key in 'logit_bias': the model has no token \(token); token ids must be below \(count).",
                param: "logit_bias", code: "invalid_value")
        case .noInfill:
            self.init(
                status: 400, message: "Unsupported parameter: 'suffix' needs a model that supports infilling, and this model does not.",
                param: "suffix", code: "unsupported_parameter")
        case .noReasoning:
            self.init(
                status: 400, message: "Unsupported parameter: the model does not reason.", param: "reasoning_effort", code: "unsupported_parameter")
        case .noMedia: self = .unreadMedia(input)
        case .unknownPromptToken(let prompt, let token):
            self = .invalid(input, "the model has no token \(token) (in text \(prompt))")
        case .emptyInput(let index): self = .invalid("\(input)[\(index)]", "it has no tokens")
        case .inputTooLong(let index, let tokens, let context):
            self.init(
                status: 400,
                message:
                    "This model's maximum context length is \(context) tokens, however '\(input)[\(index)]' has \(tokens) tokens. "
                    + "Please reduce its length.",
                param: "\(input)[\(index)]", code: "context_length_exceeded")
        case .tooManyDimensions(let wanted, let most):
            self = .aboveMaximum(.key("dimensions"), kind: "integer", maximum: "\(most)", got: "\(wanted)")
        case .badToolGrammar(let index, let reason):
            let path = isResponse ? tool(index, "custom", "format.definition") : tool(index, "custom", "format.grammar.definition")
            self = .invalid(path, "\(reason) (left recursion is not supported)")
        case .badGrammar(let field, let reason): self = .invalid(field, reason)
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
            self = .invalid(field, "\(given) cannot be used: \(reason)")
        case .badLabel(let question, _, let reason): self = .invalid("questions[\(question)]", reason)
        case .badToolResults(let reason):
            self.init(status: 400, message: "Invalid parameter: \(reason).", param: input, code: "invalid_value")
        case .beyondLimit(let reason): self = .invalid(input, "the prompt \(reason)", code: "limit_exceeded")
        case .emptyPrompt:
            self.init(status: 400, message: "The prompt is empty.", param: input, code: "invalid_value")
        }
    }

    /// Returns the error for a conversation whose images or audio the model does not read.
    package static func unreadMedia(_ field: String) -> APIError {
        APIError(
            status: 400, message: "Unsupported value: '\(field)' contains images or audio that the model does not read.", param: field,
            code: "unsupported_value")
    }

    private static func invalid(_ field: String, _ reason: String, code: String = "invalid_value") -> APIError {
        APIError(status: 400, message: "Invalid '\(field)': \(reason).", param: field, code: code)
    }
}
