package import ShimmyJSON

/// All that a prompt is rendered from.
package struct Conversation: Sendable, Equatable {
    /// What becomes of the last message.
    package enum Continuation: String, Sendable {
        /// It is complete; an answer to it begins.
        case no
        /// It is the beginning of the answer: its content goes on, or its reasoning.
        case content, reasoning
        /// It is complete, and nothing follows it.
        case nothing
    }

    package var messages: [ChatMessage]
    package var tools: [Tool]
    package var toolChoice: ToolChoice
    /// Whether one answer may call several tools.
    package var allowsParallelCalls: Bool
    /// A JSON Schema that an answer which is no call has to fit.
    package var responseSchema: JSON?
    /// Whether that schema has to keep OpenAI's rules for strict ones.
    package var isResponseStrict = false
    /// For the template, beside what it gets anyway.
    package var templateArguments: JSONObject
    /// Whether a model that can think before it answers shall; nil leaves it to the template.
    package var thinks: Bool?
    package var continuation: Continuation
    /// Whether the client asked for that, rather than leaving an assistant's message at the end.
    package var mustContinue = false
    /// What was changed in the messages for a strict template.
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
