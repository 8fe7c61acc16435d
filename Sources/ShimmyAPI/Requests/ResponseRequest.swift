package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /v1/responses`. Everything is checked except the response or conversation that it continues, which only the storage
/// knows.
package struct ResponseRequest: Sendable, Equatable {
    package var model: String
    package var instructions: String?
    /// The new items; nil if the request has none.
    package var input: [InputItem]?
    package var previousID: String?
    package var conversationID: String?
    /// Whether to store the response; nil to store it if possible.
    package var store: Bool?
    package var isBackground: Bool
    package var stream: Bool
    /// How long the model stays loaded after the request; nil for the server's setting.
    package var keepAlive: KeepAlive?
    /// Whether the oldest items may be dropped if not all of them fit.
    package var truncates: Bool
    /// The request for the model, without the messages, which are made from the items.
    package var chat: ChatRequest
    package var dialect: CallDialect
    private let mayCall: Bool
    package var isFlex: Bool
    package var style: ResponseStyle
    /// The request's fields in the response's object.
    package var echo: JSONObject
    /// The fields without effect, for the response's header.
    package var ignoredParameters: ReportedNames

    /// - mayBeEmpty: whether `input` may be an empty array, because the request only prepares the model for a later one.
    /// - media: the kinds of media that the model reads.
    package init(
        _ json: JSON, mayBeEmpty: Bool = false, media: MediaKinds = .none, recorder: FieldRecorder? = nil
    ) throws(APIError) {
        let fields = try FieldReader(json, path: .root, media: media, recorder: recorder)
        ignoredParameters = try Compatibility.createResponse.check(fields.object)
        model = try fields.requiredString("model")
        let context = try ResponseContextFields(fields, mayBeEmpty: mayBeEmpty)
        (instructions, input) = (context.instructions, context.input)
        (previousID, conversationID) = (context.previousID, context.conversationID)
        ignoredParameters += context.unseen
        let prompt = try ResponsePromptFields(fields)
        (dialect, mayCall) = (prompt.dialect, prompt.mayCall)
        ignoredParameters += prompt.ignored
        let included = try ResponseIncludes(fields)
        ignoredParameters += included.ignored
        var sampling = try SamplingDecoder.decode(fields)
        let top = try fields.integer("top_logprobs", in: 0...20).map { Int($0) }
        if included.logprobs || top ?? 0 > 0 { sampling.logprobs = top ?? 0 }
        chat = ChatRequest(
            conversation: prompt.conversation,
            // OpenAI requires at least 16, but this server has no reason to.
            maximumTokens: try fields.integer("max_output_tokens", in: 1...Int64(Int32.max)).map { Int($0) },
            sampling: sampling, thinkingBudget: prompt.thinkingBudget)
        chat.schemaField = "text.format.schema"
        if let (field, grammar) = try GrammarDecoder.decode(fields, prompt.conversation, format: "text") {
            (chat.grammarField, chat.grammar) = (field, grammar)
        }
        chat.adapters = try AdapterDecoder.decode(fields)
        chat.clampsMaximumTokens = try SharedFields.clampsMaximumTokens(fields)
        style = ResponseStyle(
            summarizesThoughts: prompt.summarizesThoughts, sealsThoughts: included.sealedThoughts, tellsLogprobs: sampling.logprobs != nil)
        truncates = try context.truncates(fields)
        let tier = try ServiceTier.decode(fields)
        isFlex = tier == .flex
        if tier?.isReported == true { ignoredParameters.append("service_tier") }
        _ = try fields.integer("max_tool_calls", in: 1...Int64(Int32.max))
        store = try fields.bool("store")
        isBackground = try fields.bool("background") ?? false
        stream = try SharedFields.stream(fields, tellsUsage: false).stream
        keepAlive = try SharedFields.keepAlive(fields)
        try SharedFields.checkEndUser(fields, "user", "safety_identifier")
        let metadata = try SharedFields.metadata(fields)
        echo = ResponseEcho.object(fields, prompt, metadata: metadata, isFlex: isFlex)
        if isBackground, store == false {
            throw APIError(
                status: 400, message: "Invalid 'store': a background response has to be stored.", param: "store", code: "invalid_value")
        }
        if input == nil, previousID == nil, conversationID == nil { throw .missing(fields.path(to: "input")) }
    }

    /// Adds the tools that the items of the request's conversation contain. Throws a 400 if there are too many tools.
    package mutating func takeTools(of items: [ResponseItem]) throws(APIError) {
        try LoadedTools.add(items, to: &chat.conversation, &dialect, mayCall: mayCall)
    }

    /// Returns the request for the model.
    package func chat(_ items: [ResponseItem]) throws(APIError) -> ChatRequest {
        var chat = chat
        try ItemConversation.write(items, instructions: instructions, to: &chat.conversation)
        return chat
    }
}

/// The values of `service_tier`. A `flex` request waits until there is no other work; all other values mean the fair share.
enum ServiceTier: String, CaseIterable {
    case auto, `default`, flex, scale, priority, fast, ultrafast

    /// Whether the tier asks for more than this server offers.
    var isReported: Bool { self == .scale || self == .fast || self == .ultrafast }

    static func decode(_ fields: FieldReader) throws(APIError) -> ServiceTier? {
        fields.value("service_tier") == nil ? nil : try fields.choice("service_tier", as: ServiceTier.self)
    }
}

/// The form in which a client receives the output of a response.
package struct ResponseStyle: Sendable, Equatable {
    /// Whether reasoning is returned as a reasoning summary.
    package var summarizesThoughts = false
    /// Whether reasoning is also returned as `encrypted_content`, for the client to send back.
    package var sealsThoughts = false
    package var tellsLogprobs = false
    /// Whether the response has no output, because the request only prepares the model for a later one.
    package var isSilent = false

    package init(summarizesThoughts: Bool = false, sealsThoughts: Bool = false, tellsLogprobs: Bool = false) {
        self.summarizesThoughts = summarizesThoughts
        self.sealsThoughts = sealsThoughts
        self.tellsLogprobs = tellsLogprobs
    }
}

/// The `include` field: the optional contents that a client wants.
struct ResponseIncludes {
    private(set) var logprobs = false
    private(set) var sealedThoughts = false
    /// The values that belong to tools that this server does not run.
    private(set) var ignored = ReportedNames()

    private static let others = [
        "file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
        "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    ]

    init(_ fields: FieldReader) throws(APIError) {
        guard let value = fields.value("include") else { return }
        let path = fields.path(to: "include")
        guard let array = value.arrayValue else { throw .wrongType(path, expected: "an array of strings", got: value) }
        for (index, element) in array.enumerated() {
            guard let word = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            switch word {
            case "message.output_text.logprobs": logprobs = true
            case "reasoning.encrypted_content": sealedThoughts = true
            case let word where Self.others.contains(word): ignored.append("\(path.index(index))")
            default:
                throw .invalidValue(
                    path.index(index), word, supported: ["message.output_text.logprobs", "reasoning.encrypted_content"] + Self.others)
            }
        }
    }
}
