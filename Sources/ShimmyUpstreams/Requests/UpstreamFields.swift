import ShimmyCore

/// The fields that a kind of upstream honours, and how it is asked for the form of an answer.
///
/// A parameter that the request does not set is not sent, so that the upstream's own default applies.
package struct UpstreamFields: Sendable {
    /// How a schema of the answer is enforced.
    package enum SchemaForm: Sendable {
        /// `response_format`, which the upstream enforces.
        case responseFormat
        /// `response_format`, which the upstream enforces only for strict schemas.
        case strictResponseFormat
        /// Anthropic's `output_config.format`, for strict schemas.
        case outputConfig
        /// The prompt asks for it, and nothing enforces it.
        case prompt
    }

    /// The upstream's names of the fields that it honours.
    package private(set) var names: [UpstreamField: String]
    package private(set) var schema: SchemaForm
    /// The max number of stop strings; nil for no limit.
    package private(set) var stops: Int?
    /// Whether the upstream enforces the schemas of tools marked as strict.
    package private(set) var enforcesTools: Bool
    /// Whether the upstream makes sure that each call names a tool of the request and has arguments in JSON.
    package private(set) var enforcesCalls: Bool
    /// Whether the upstream separates the reasoning from the content.
    package private(set) var separatesReasoning: Bool
    /// The field of a message with the reasoning of an earlier answer; nil if the upstream takes none.
    package private(set) var reasoningField: String?
    /// Whether the system message can have the role `developer`.
    package private(set) var takesDeveloper: Bool
    /// Whether a message with calls can have the content null.
    package private(set) var takesNull: Bool
    /// Whether the last message of the assistant can be continued, and the fields that ask for it.
    package private(set) var continuation: [String: Bool]?
    /// The lowest temperature of a request for several choices; 0 for any.
    package private(set) var lowestChoiceTemperature: Float
    /// Whether a chat completion names the stop string that ended it.
    package private(set) var namesStops: Bool
    /// The dialects in which the outputs of tools can contain images. In others, the images are in the user's next message.
    package private(set) var outputMedia: Set<UpstreamDialect>
    /// Whether a text completion takes several prompts, and prompts of tokens.
    package private(set) var takesPrompts: Bool
    package private(set) var takesTokens: Bool
    /// Whether a text completion takes a suffix.
    package private(set) var takesSuffix: Bool

    package func name(_ field: UpstreamField) -> String? { names[field] }

    /// Returns whether one request can ask for several choices.
    func takesChoices(_ sampling: SamplingParameters) -> Bool { name(.choices) != nil && sampling.temperature >= lowestChoiceTemperature }

    package static func of(_ kind: UpstreamKind) -> UpstreamFields {
        switch kind {
        case .vllm: vllm
        case .sglang: sglang
        case .llamaServer: llamaServer
        case .ollama: ollama
        case .shimmy: shimmy
        case .openai: openAI
        case .anthropic: anthropic
        }
    }

    /// Returns the fields of requests for answers to conversations.
    package static func of(_ kind: UpstreamKind, _ dialect: UpstreamDialect) -> UpstreamFields { of(kind, dialect, own: of(kind)) }

    /// Returns the fields of requests for an upstream with its address.
    package static func of(_ kind: UpstreamKind, _ dialect: UpstreamDialect = .chat, at settings: UpstreamSettings) -> UpstreamFields {
        of(kind, dialect, own: kind == .openai && !UpstreamHost.isOpenAIs(settings.url) ? compatible : of(kind))
    }

    /// - own: the fields of the kind's completions.
    private static func of(_ kind: UpstreamKind, _ dialect: UpstreamDialect, own: UpstreamFields) -> UpstreamFields {
        switch dialect {
        case .chat: return own
        case .responses:
            var fields = own
            let honoured: Set<UpstreamField> = kind == .shimmy ? Set(UpstreamField.allCases).subtracting(notInShimmysResponses) : inResponses
            fields.names = fields.names.filter { honoured.contains($0.key) }
            fields.names[.effort] = "reasoning.effort"
            (fields.stops, fields.continuation) = (0, nil)
            if kind != .shimmy, kind != .vllm { fields.reasoningField = nil }
            // vLLM is known to read `strict` only in chat completions.
            if kind == .vllm { fields.enforcesTools = false }
            return fields
        case .messages:
            var fields = anthropic
            (fields.enforcesTools, fields.enforcesCalls) = (own.enforcesTools && kind != .vllm, own.enforcesCalls)
            if kind != .anthropic, kind != .shimmy { fields.schema = .prompt }
            return fields
        }
    }

    private static let inResponses: Set<UpstreamField> = [.temperature, .topP, .logprobs, .parallelCalls, .toolChoice, .effort, .user]
    private static let notInShimmysResponses: Set<UpstreamField> = [.choices, .prediction, .adapters]

    private init(
        _ fields: [UpstreamField], renamed: [UpstreamField: String] = [:], schema: SchemaForm = .responseFormat, stops: Int? = nil,
        enforcesTools: Bool = false, enforcesCalls: Bool = false, separatesReasoning: Bool = true, reasoningField: String? = nil,
        takesDeveloper: Bool = false, takesNull: Bool = true, lowestChoiceTemperature: Float = 0, namesStops: Bool = false,
        continuation: [String: Bool]? = nil, outputMedia: Set<UpstreamDialect> = [], takesPrompts: Bool = false, takesTokens: Bool = false,
        takesSuffix: Bool = false
    ) {
        var names: [UpstreamField: String] = [:]
        for field in fields { names[field] = renamed[field] ?? field.rawValue }
        self.names = names
        self.schema = schema
        self.stops = stops
        self.enforcesTools = enforcesTools
        self.enforcesCalls = enforcesCalls
        self.separatesReasoning = separatesReasoning
        self.reasoningField = reasoningField
        self.takesDeveloper = takesDeveloper
        self.takesNull = takesNull
        self.lowestChoiceTemperature = lowestChoiceTemperature
        self.namesStops = namesStops
        self.continuation = continuation
        self.outputMedia = outputMedia
        self.takesPrompts = takesPrompts
        self.takesTokens = takesTokens
        self.takesSuffix = takesSuffix
    }

    private static let common: [UpstreamField] = [.temperature, .topP, .seed, .frequencyPenalty, .presencePenalty, .logprobs, .user]

    private static let vllm = UpstreamFields(
        common + [
            .bias, .topK, .minP, .repeatPenalty, .minimumTokens, .ignoresEnd, .choices, .parallelCalls, .toolChoice, .effort, .templateArguments,
            .grammar,
        ], renamed: [.repeatPenalty: "repetition_penalty", .grammar: "structured_outputs.grammar"], enforcesTools: true,
        // vLLM takes lower temperatures for 0, and then makes one choice only.
        reasoningField: "reasoning", lowestChoiceTemperature: 1e-5, namesStops: true,
        continuation: ["continue_final_message": true, "add_generation_prompt": false], takesPrompts: true, takesTokens: true)

    private static let sglang = UpstreamFields(
        common + [
            .bias, .topK, .minP, .repeatPenalty, .minimumTokens, .ignoresEnd, .choices, .parallelCalls, .toolChoice, .effort, .templateArguments,
            .grammar,
        ], renamed: [.repeatPenalty: "repetition_penalty", .grammar: "ebnf"], reasoningField: "reasoning_content",
        continuation: ["continue_final_message": true], takesPrompts: true, takesTokens: true)

    private static let llamaServer = UpstreamFields(
        common + [
            .bias, .topK, .minP, .typicalP, .repeatPenalty, .repeatWindow, .dryMultiplier, .xtcProbability, .mirostat, .ignoresEnd, .parallelCalls,
            .toolChoice, .templateArguments, .adapters, .grammar,
        ], enforcesTools: true, enforcesCalls: true, reasoningField: "reasoning_content", takesDeveloper: true,
        // Without them, the answer repeats the text that it continues.
        continuation: ["continue_final_message": true, "add_generation_prompt": false], takesTokens: true)

    private static let ollama = UpstreamFields(
        common + [.effort], separatesReasoning: false, reasoningField: "reasoning", continuation: [:], takesSuffix: true)

    private static let shimmy = UpstreamFields(
        UpstreamField.allCases, stops: 4, enforcesTools: true, enforcesCalls: true, reasoningField: "reasoning_content", takesDeveloper: true,
        continuation: ["continue_final_message": true], outputMedia: [.chat, .responses], takesPrompts: true, takesTokens: true, takesSuffix: true)

    private static let openAI = UpstreamFields(
        common + [.bias, .choices, .prediction, .parallelCalls, .toolChoice, .effort], schema: .strictResponseFormat, stops: 4, enforcesTools: true,
        separatesReasoning: false, takesDeveloper: true, outputMedia: [.responses], takesPrompts: true, takesTokens: true, takesSuffix: true)

    /// The fields of a server of the kind `openai` at a host that is not OpenAI's or Azure's, such as llama-cpp-python or LocalAI.
    private static let compatible = UpstreamFields(
        common + [.bias, .parallelCalls, .toolChoice, .effort], schema: .strictResponseFormat, stops: 4, separatesReasoning: false,
        takesNull: false, takesTokens: true, takesSuffix: true)

    private static let anthropic = UpstreamFields(
        [.temperature, .topP, .topK, .parallelCalls, .toolChoice, .effort, .reasoningBudget, .user],
        renamed: [
            .parallelCalls: "tool_choice.disable_parallel_tool_use", .effort: "thinking", .reasoningBudget: "thinking.budget_tokens",
            .user: "metadata.user_id",
        ], schema: .outputConfig, enforcesTools: true, continuation: [:], outputMedia: [.messages])
}
