package import ShimmyCore

/// A request for an answer to a conversation.
package struct ChatRequest: Sendable, Equatable {
    package var conversation: Conversation
    /// The maximum number of tokens in the answer; nil for the remaining context.
    package var maximumTokens: Int?
    /// Whether to reduce `maximumTokens` to the room in the context instead of rejecting the request.
    package var clampsMaximumTokens = false
    package var sampling: SamplingParameters
    package var stops: [String]
    /// The number of answers. With a seed, each answer after the first gets its own seed.
    package var choices: Int
    /// The expected answer, complete or in parts; empty for none. It saves time and does not change any token.
    package var prediction: String
    /// The maximum number of reasoning tokens, for models whose template marks reasoning; nil for no limit.
    package var thinkingBudget: Int?
    /// Whether to reject a request for reasoning if the model does not reason. The fields for it otherwise have no effect.
    package var needsReasoning = false
    /// An additional grammar of the answer, in llama.cpp's notation (GBNF); nil for none.
    package var grammar: String?
    /// The API's name of the grammar field, for error messages.
    package var grammarField = "grammar"
    /// The API's name of the field with the answer's schema, for error messages.
    package var schemaField = "response_format.json_schema.schema"
    /// The adapters to compute with; nil for the model's configured adapters.
    package var adapters: [AdapterChoice]?
    /// Tokens before the rendered conversation: an earlier prompt with its answer.
    package var preceding: [Token] = []
    /// Whether the answer includes all tokens of prompt and answer, so that a later request can continue from them.
    package var wantsTokens = false

    /// The API's name of the field that constrains the answer; nil for an unconstrained answer.
    package var constraintField: String? {
        if grammar != nil { return grammarField }
        if conversation.responseSchema != nil { return schemaField }
        return conversation.tools.isEmpty ? nil : "tools"
    }

    package init(
        conversation: Conversation, maximumTokens: Int? = nil, sampling: SamplingParameters = .init(), stops: [String] = [], choices: Int = 1,
        prediction: String = "", thinkingBudget: Int? = nil, grammar: String? = nil
    ) {
        self.grammar = grammar
        self.conversation = conversation
        self.thinkingBudget = thinkingBudget
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stops = stops
        self.choices = choices
        self.prediction = prediction
    }

    package init(messages: [ChatMessage], maximumTokens: Int? = nil, sampling: SamplingParameters = .init(), stops: [String] = []) {
        self.init(conversation: Conversation(messages: messages), maximumTokens: maximumTokens, sampling: sampling, stops: stops)
    }
}
