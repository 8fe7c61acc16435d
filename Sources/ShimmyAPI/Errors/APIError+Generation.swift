package import ShimmyChat

extension APIError {
    /// What a backend refused, in OpenAI's words.
    package init(_ error: GenerationError) {
        switch error {
        case .templateRefused(let reason):
            self.init(
                status: 400, message: "The model's chat template refused the conversation: \(reason)", param: "messages", code: "invalid_value")
        case .contextExceeded(let prompt, let requested, let context):
            self = .contextExceeded(prompt: prompt, requested: requested, context: context)
        case .emptyPrompt:
            self.init(status: 400, message: "The conversation renders to an empty prompt.", param: "messages", code: "invalid_value")
        }
    }
}
