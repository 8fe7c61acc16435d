package import ShimmyJSON

/// The input from which a prompt is rendered.
package struct Conversation: Sendable, Equatable {
    /// The relation between the last message and the answer.
    package enum Continuation: String, Sendable {
        /// The last message is complete, and a new answer begins.
        case no
        /// The last message is the start of the answer, which continues its content or its reasoning.
        case content, reasoning
        /// The last message is complete, and the prompt ends after it.
        case nothing
    }

    package var messages: [ChatMessage]
    package var tools: [Tool]
    package var toolChoice: ToolChoice
    /// Whether one answer may call several tools.
    package var allowsParallelCalls: Bool
    /// The JSON Schema of an answer that is not a call; nil for none.
    package var responseSchema: JSON?
    /// Whether `responseSchema` must follow OpenAI's rules for strict schemas.
    package var isResponseStrict = false
    /// Additional variables for the template.
    package var templateArguments: JSONObject
    /// Whether a reasoning model should reason before it answers; nil for the default, which is true.
    package var thinks: Bool?
    /// The API's names of the fields that ask for reasoning. They have no effect on a model that does not reason.
    package var reasoningFields: [String] = []
    /// Whether the request names a limit on reasoning tokens. An effort implies a limit, too.
    package var namesBudget: Bool { reasoningFields.contains(where: Self.budgetNames.contains) }
    /// The names of the limit on reasoning tokens in the APIs.
    private static let budgetNames: Set<String> = [
        "reasoning_budget_tokens", "thinking_budget_tokens", "thinking_budget", "thinking.budget_tokens",
    ]
    package var continuation: Continuation
    /// Whether the client explicitly requested `continuation`. If false, it merely sent an assistant's message last.
    package var mustContinue = false
    /// The changes to the messages so far.
    package var normalizations: [Normalization] = []

    package init(
        messages: [ChatMessage], tools: [Tool] = [], toolChoice: ToolChoice = ToolChoice(.none), allowsParallelCalls: Bool = true,
        responseSchema: JSON? = nil, templateArguments: JSONObject = [:], thinks: Bool? = nil, continuation: Continuation = .no
    ) {
        self.messages = messages
        self.tools = tools
        self.toolChoice = toolChoice
        self.allowsParallelCalls = allowsParallelCalls
        self.responseSchema = responseSchema
        self.templateArguments = templateArguments
        self.thinks = thinks
        self.continuation = continuation
    }
}
