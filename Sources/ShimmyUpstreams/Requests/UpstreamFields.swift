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
    }

    /// The upstream's names of the fields that it honours.
    package let names: [UpstreamField: String]
    package let schema: SchemaForm
    /// The max number of stop strings; nil for no limit.
    package let stops: Int?
    /// Whether the upstream enforces the schemas of tools marked as strict.
    package let enforcesTools: Bool
    /// Whether the upstream separates the reasoning from the content.
    package let separatesReasoning: Bool
    /// The field of a message with the reasoning of an earlier answer; nil if the upstream takes none.
    package let reasoningField: String?
    /// Whether the system message can have the role `developer`.
    package let takesDeveloper: Bool
    /// Whether the last message of the assistant can be continued, and the fields that ask for it.
    package let continuation: [String: Bool]?
    /// Whether a text completion takes several prompts, and prompts of tokens.
    package let takesPrompts: Bool
    package let takesTokens: Bool
    /// Whether a text completion takes a suffix.
    package let takesSuffix: Bool

    package func name(_ field: UpstreamField) -> String? { names[field] }

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

    private init(
        _ fields: [UpstreamField], renamed: [UpstreamField: String] = [:], schema: SchemaForm = .responseFormat, stops: Int? = nil,
        enforcesTools: Bool = false, separatesReasoning: Bool = true, reasoningField: String? = nil, takesDeveloper: Bool = false,
        continuation: [String: Bool]? = nil, takesPrompts: Bool = false, takesTokens: Bool = false, takesSuffix: Bool = false
    ) {
        var names: [UpstreamField: String] = [:]
        for field in fields { names[field] = renamed[field] ?? field.rawValue }
        self.names = names
        self.schema = schema
        self.stops = stops
        self.enforcesTools = enforcesTools
        self.separatesReasoning = separatesReasoning
        self.reasoningField = reasoningField
        self.takesDeveloper = takesDeveloper
        self.continuation = continuation
        self.takesPrompts = takesPrompts
        self.takesTokens = takesTokens
        self.takesSuffix = takesSuffix
    }

    private static let common: [UpstreamField] = [.temperature, .topP, .seed, .frequencyPenalty, .presencePenalty, .logprobs, .user]

    private static let vllm = UpstreamFields(
        common + [
            .bias, .topK, .minP, .repeatPenalty, .minimumTokens, .ignoresEnd, .choices, .parallelCalls, .toolChoice, .effort, .templateArguments,
            .grammar,
        ], renamed: [.repeatPenalty: "repetition_penalty"], reasoningField: "reasoning",
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
        ], enforcesTools: true, reasoningField: "reasoning_content", takesDeveloper: true, continuation: [:], takesTokens: true)

    private static let ollama = UpstreamFields(
        common + [.effort], separatesReasoning: false, reasoningField: "reasoning", continuation: [:], takesSuffix: true)

    private static let shimmy = UpstreamFields(
        UpstreamField.allCases, enforcesTools: true, reasoningField: "reasoning_content", takesDeveloper: true,
        continuation: ["continue_final_message": true], takesPrompts: true, takesTokens: true, takesSuffix: true)

    private static let openAI = UpstreamFields(
        common + [.bias, .choices, .prediction, .parallelCalls, .toolChoice, .effort], schema: .strictResponseFormat, stops: 4, enforcesTools: true,
        separatesReasoning: false, takesDeveloper: true, takesPrompts: true, takesTokens: true, takesSuffix: true)

    private static let anthropic = UpstreamFields(
        [.temperature, .topP, .topK, .parallelCalls, .toolChoice, .effort, .reasoningBudget, .user], schema: .outputConfig, enforcesTools: true,
        takesDeveloper: true, continuation: [:])
}
