package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Sendable, Equatable {
    package var model: String
    package var chat: ChatRequest
    /// The form in which the client receives calls and reasoning.
    package var dialect: CallDialect
    /// Whether `service_tier` is `flex`: the request runs only when there is no other work.
    package var isFlex: Bool
    package var stream: Bool
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package var keepAlive: KeepAlive?
    package var includeUsage: Bool
    /// The data to store beside the answer; nil if nothing is stored.
    package var stored: StoredPart?
    /// The fields without effect, in the request's order, for the response's header.
    package var ignoredParameters: ReportedNames

    /// - limits: the limits of the client's API.
    /// - media: the kinds of media that the model reads.
    package init(
        _ json: JSON, limits: ChatLimits = .openAI, media: MediaKinds = .none, recorder: FieldRecorder? = nil
    ) throws(APIError) {
        let fields = try FieldReader(json, path: .root, media: media, recorder: recorder)
        let ignored = try Compatibility.chatCompletions.check(fields.object)
        model = try fields.requiredString("model")
        let decoded = try ConversationDecoder(fields, limits)
        dialect = decoded.dialect
        ignoredParameters = ignored
        ignoredParameters += decoded.ignored
        var sampling = try SamplingDecoder.decode(fields, limits.sampling, takesVLLMs: true)
        sampling.logprobs = try SamplingDecoder.chatLogprobs(fields)
        chat = ChatRequest(
            conversation: decoded.conversation,
            maximumTokens: try Self.maximumTokens(fields),
            sampling: sampling,
            stops: try SharedFields.stops(fields),
            choices: Int(try fields.integer("n", in: 1...128) ?? 1),
            prediction: try Self.prediction(fields),
            thinkingBudget: decoded.thinkingBudget)
        if let (field, grammar) = try GrammarDecoder.decode(fields, decoded.conversation, takesVLLMs: true) {
            (chat.grammarField, chat.grammar) = (field, grammar)
        }
        chat.adapters = try AdapterDecoder.decode(fields)
        chat.clampsMaximumTokens = try SharedFields.clampsMaximumTokens(fields)
        let tier = try ServiceTier.decode(fields)
        isFlex = tier == .flex
        if tier?.isReported == true { ignoredParameters.append("service_tier") }
        (stream, includeUsage) = try SharedFields.stream(fields)
        keepAlive = try SharedFields.keepAlive(fields)
        try SharedFields.checkEndUser(fields, "user", "safety_identifier")
        stored = try StoredPart(fields)
    }

    /// The stored data of a request with `store: true`. Clients can retrieve the completion and its messages later.
    package struct StoredPart: Sendable, Equatable {
        package let messages: [JSON]
        package let metadata: JSON

        fileprivate init?(_ fields: FieldReader) throws(APIError) {
            let isStored = try fields.bool("store") ?? false
            metadata = try SharedFields.metadata(fields)
            messages = fields.object["messages"]?.arrayValue ?? []
            if isStored { return }
            if metadata != [:] {
                throw APIError(
                    status: 400, message: "The 'metadata' parameter is only allowed when 'store' is enabled.",
                    param: "\(fields.path(to: "metadata"))")
            }
            return nil
        }
    }

    /// Returns the text that the client expects, given as a string or in parts; empty if there is none.
    private static func prediction(_ fields: FieldReader) throws(APIError) -> String {
        guard let prediction = try fields.nested("prediction") else { return "" }
        let type = try prediction.requiredString("type")
        guard type == "content" else { throw .invalidValue(prediction.path(to: "type"), type, supported: ["content"]) }
        let text = try ChatMessageDecoder.texts(prediction).joined()
        let most = InputLimits.standard.predictionBytes
        if text.utf8.count > most { throw .stringTooLong(prediction.path(to: "content"), maximum: most, got: text.utf8.count) }
        return text
    }

    /// Returns the max number of tokens of the answer; nil if the request sets none. `max_completion_tokens` wins over its deprecated name
    /// `max_tokens`, which LM Studio's and llama-server's clients set to -1 for no limit.
    private static func maximumTokens(_ fields: FieldReader) throws(APIError) -> Int? {
        let old = fields.value("max_tokens") == -1 ? nil : try fields.integer("max_tokens", in: 1...Int64(Int32.max))
        let new = try fields.integer("max_completion_tokens", in: 1...Int64(Int32.max))
        return (new ?? old).map { Int($0) }
    }
}
