package import ShimmyChat
package import ShimmyJSON

/// The form that an answer must have, as far as the upstream may miss it.
package struct AnswerForm: Sendable, Equatable {
    /// How much of an answer is read and checked before any of it is passed on.
    enum Hold: Sendable {
        case nothing
        /// The calls at the beginning of the answer.
        case calls
        /// The answer up to its first call.
        case text
        case everything

        /// Whether the answer still waits after a part.
        func continues(after delta: AnswerDelta) -> Bool {
            switch self {
            case .nothing: false
            case .calls: delta.isOfCall
            case .text: !delta.isOfCall
            case .everything: true
            }
        }
    }

    /// The schema of the content of an answer without calls; nil for any content.
    package var schema: JSON?
    /// The grammar (GBNF) of the content of an answer without calls; nil for any content.
    package private(set) var grammar: String?
    /// The tools that the answer may call, with the schemas of their arguments; nil if calls are not checked. A tool whose arguments can be any
    /// object has the schema `true`.
    package private(set) var tools: [String: JSON]?
    /// The grammars of the texts of custom tools, by the name of the tool.
    package private(set) var inputs: [String: Tool.InputGrammar] = [:]
    /// Whether the answer must call a tool.
    package private(set) var mustCall = false
    /// Whether the content can end at a stop string, in the middle of a text of the grammar.
    package private(set) var hasStops = false
    /// Whether the upstream is known to enforce the grammar, and the calls. A stream then does not wait for the check.
    private var trustsGrammar = false
    private var trustsCalls = false
    /// Whether the upstream enforces calls, but may answer with a text where a call is required.
    private var mayMissCall = false

    package init() {}

    /// Makes the form of the calls that a conversation allows. Arguments must fit their schema if the tool is strict or a call is required. Calls
    /// that the upstream enforces are checked only if they can still be wrong.
    /// - enforcesRequired: whether the upstream is known to enforce required calls with all their arguments.
    init(callsOf conversation: Conversation, _ kind: UpstreamKind, _ fields: UpstreamFields, enforcesRequired: Bool = false) {
        let choice = conversation.toolChoice
        let allowed = conversation.tools.filter { tool in choice.mode != .none && choice.names?.contains(tool.name) ?? true }
        let isRequired = choice.mode == .required && !allowed.isEmpty
        for tool in allowed { inputs[tool.name] = tool.inputGrammar }
        let isDemanding = kind != .shimmy && (isRequired || allowed.contains { $0.isStrict })
        guard !fields.enforcesCalls || isDemanding || !inputs.isEmpty else { return }
        var tools: [String: JSON] = [:]
        for tool in allowed { tools[tool.name] = tool.isStrict || isRequired ? tool.parameters ?? true : true }
        self.tools = tools
        mustCall = isRequired
        trustsCalls = inputs.isEmpty && (fields.enforcesCalls || enforcesRequired && isRequired)
        mayMissCall = kind == .llamaServer
    }

    /// Adds the grammar of the content.
    /// - hasStops: whether the request has stop strings.
    mutating func hold(to grammar: String, hasStops: Bool, _ kind: UpstreamKind) {
        self.grammar = grammar
        self.hasStops = hasStops
        // SGLang can run without a backend for grammars.
        trustsGrammar = kind == .vllm || kind == .llamaServer || kind == .shimmy
    }

    /// Whether the content is checked.
    var checksContent: Bool { schema != nil || grammar != nil }

    /// Whether anything is checked.
    var isChecked: Bool { checksContent || tools != nil }

    /// Returns how much of an answer waits for its check. A stream waits only if it begins with a call, or if the whole answer must have a form that
    /// the upstream is not known to enforce.
    /// - isWhole: whether the client gets the answer only when it is complete.
    func hold(isWhole: Bool) -> Hold {
        if schema != nil || grammar != nil && (isWhole || !trustsGrammar) { return .everything }
        guard let tools else { return .nothing }
        if isWhole, !tools.isEmpty { return .everything }
        if trustsCalls { return mustCall && mayMissCall ? .text : .nothing }
        return mustCall ? .everything : .calls
    }
}

extension AnswerDelta {
    fileprivate var isOfCall: Bool {
        switch self {
        case .call, .arguments: true
        case .content, .reasoning: false
        }
    }
}
