package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// `POST /v1/chat/completions`, decoded and checked.
package struct ChatCompletionRequest: Sendable, Equatable {
    package var model: String
    package var chat: ChatRequest
    /// How the client wants to hear of calls and of thinking.
    package var dialect: CallDialect
    /// `service_tier: flex`: served only when nobody else has work.
    package var isFlex: Bool
    package var stream: Bool
    /// How long the model stays loaded afterwards; nil leaves that as it is.
    package var keepAlive: KeepAlive?
    package var includeUsage: Bool
    /// What is stored beside the answer; nil when nothing is to be.
    package var stored: StoredPart?
    /// Fields that have no effect, in the request's order, for the response's header.
    package var ignoredParameters: ReportedNames

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        let ignored = try Compatibility.chatCompletions.check(fields.object)
        model = try fields.requiredString("model")
        let decoded = try ConversationDecoder(fields)
        dialect = decoded.dialect
        ignoredParameters = ignored
        ignoredParameters += decoded.ignored
        var sampling = try SamplingDecoder.decode(fields, takesVLLMs: true)
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
        stored = try StoredPart(fields)
    }

    /// `store: true`: the completion and what it answers can be looked at later.
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

    /// The text that the client expects, as a string or in parts.
    private static func prediction(_ fields: FieldReader) throws(APIError) -> String {
        guard let prediction = try fields.nested("prediction") else { return "" }
        let type = try prediction.requiredString("type")
        guard type == "content" else { throw .invalidValue(prediction.path(to: "type"), type, supported: ["content"]) }
        let text = try ChatMessageDecoder.texts(prediction).joined()
        let most = InputLimits.standard.predictionBytes
        if text.utf8.count > most { throw .stringTooLong(prediction.path(to: "content"), maximum: most, got: text.utf8.count) }
        return text
    }

    /// `max_completion_tokens` wins over its deprecated older name.
    private static func maximumTokens(_ fields: FieldReader) throws(APIError) -> Int? {
        let old = try fields.integer("max_tokens", in: 1...Int64(Int32.max))
        let new = try fields.integer("max_completion_tokens", in: 1...Int64(Int32.max))
        return (new ?? old).map { Int($0) }
    }
}
