package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The routes of Ollama's API that generate text. Their answers differ in the fields that contain the text.
package enum OllamaRoute: Sendable {
    case chat, generate

    /// The field that contains the prompt.
    var input: String { self == .chat ? "messages" : "prompt" }
}

/// The decoded request of `POST /api/chat` or `POST /api/generate`.
///
/// A request is translated to one of Shimmy's own requests, to which the model's preset applies. Errors name the client's fields.
package struct OllamaRequest: AnswerRequest {
    package enum Work: Sendable {
        /// Only loads the model, or frees it if `keep_alive` is 0.
        case load
        case chat(ChatRequest, isFlex: Bool)
        /// Continues a text, or fills a gap in it, without the model's template. The text can be the result of the request's own template.
        case text(TextRequest)
    }

    package let route: OllamaRoute
    package let model: String
    package let stream: Bool
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package private(set) var keepAlive: KeepAlive?
    package var ignoredParameters: ReportedNames
    package private(set) var work = Work.load
    /// The context length that the model should have, in tokens; nil for any.
    package let contextLength: Int?
    /// Whether the oldest messages are dropped if the conversation does not fit into the context.
    package private(set) var truncates = false
    /// The client's fields whose values the preset replaced.
    package private(set) var forced: [String] = []
    /// The names of the tools for the model.
    package private(set) var toolNames = OllamaToolNames()
    private let names: FieldNames

    private init(_ fields: OllamaFields, _ route: OllamaRoute) {
        self.route = route
        (model, stream, keepAlive) = (fields.model, fields.stream, fields.keepAlive)
        (ignoredParameters, names) = (fields.ignored, fields.names)
        contextLength = fields.contextLength
    }

    /// Decodes a request of `POST /api/chat`.
    package init(chat json: JSON, preset: RequestPreset = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let reader = try FieldReader(json, path: .root, media: preset.media, recorder: recorder)
        var fields = try OllamaFields(reader, OllamaRows.chat)
        try fields.readReasoning()
        try fields.readFormat()
        let conversation = try OllamaMessages(reader)
        let truncates = try reader.bool("truncate") ?? true
        self.init(fields, .chat)
        self.truncates = truncates
        toolNames = conversation.names
        guard !conversation.messages.isEmpty else { return }
        work = try chat(fields, conversation.messages, conversation.tools, preset, matchesResults: conversation.matchesResults)
    }

    /// Decodes a request of `POST /api/generate`.
    package init(generate json: JSON, preset: RequestPreset = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let reader = try FieldReader(json, path: .root, media: preset.media, recorder: recorder)
        var fields = try OllamaFields(reader, OllamaRows.generate)
        let (prompt, isRaw) = (try reader.string("prompt") ?? "", try reader.bool("raw") ?? false)
        let (system, suffix) = (try reader.string("system") ?? "", try reader.string("suffix") ?? "")
        let template = try reader.string("template") ?? ""
        let context = try Self.context(reader)
        let images = try OllamaImages.parts(reader, row: "images")
        if isRaw {
            if !system.isEmpty || !context.isEmpty || !template.isEmpty {
                throw APIError(
                    status: 400, message: "Invalid 'raw': it cannot be used together with 'system', 'template' or 'context'.", param: "raw",
                    code: "invalid_value")
            }
            fields.report("suffix")
        }
        let isTemplated = !template.isEmpty
        let isText = isRaw || isTemplated || !suffix.isEmpty
        if isText, !images.isEmpty {
            throw APIError(
                status: 400, message: "Invalid 'images': they cannot be used together with 'raw', 'template' or 'suffix'.", param: "images",
                code: "invalid_value")
        }
        if isText {
            try fields.refuseFormat(besides: isRaw ? "raw" : isTemplated ? "template" : "suffix")
            for name in isTemplated ? ["think", "context"] : ["think", "system", "context"] { fields.report(name) }
        } else {
            try fields.readReasoning()
            try fields.readFormat()
        }
        self.init(fields, .generate)
        if prompt.isEmpty, images.isEmpty { return }
        if isTemplated {
            let values = OllamaPromptTemplate.Values(system: system.isEmpty ? preset.system : system, prompt: prompt, suffix: suffix)
            work = try text(fields, try OllamaPromptTemplate.prompt(template, values), suffix: "", preset)
        } else if isText {
            work = try text(fields, prompt, suffix: isRaw ? "" : suffix, preset)
        } else {
            var messages: [JSON] = [["role": "user", "content": OllamaMessages.content(prompt, images)]]
            if !system.isEmpty { messages.insert(["role": "system", "content": .string(system)], at: 0) }
            work = try chat(fields, messages, [], preset, after: context)
        }
    }

    /// Returns the tokens of `context`; none if the request has none.
    private static func context(_ reader: FieldReader) throws(APIError) -> [Token] {
        guard let value = reader.value("context") else { return [] }
        let path = reader.path(to: "context")
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "an array of integers", got: value) }
        return try PromptDecoder.tokens(elements, path)
    }

    // MARK: Translated requests

    /// - preceding: the tokens of an earlier prompt and its answer.
    /// - matchesResults: see `OllamaMessages.matchesResults`.
    private mutating func chat(
        _ fields: OllamaFields, _ messages: [JSON], _ tools: [JSON], _ preset: RequestPreset, after preceding: [Token] = [],
        matchesResults: Bool = false
    ) throws(APIError) -> Work {
        var request = fields.request
        request["messages"] = .array(messages)
        if !tools.isEmpty { request["tools"] = .array(tools) }
        request["max_tokens_over_context"] = "clamp"
        let completed = apply(preset, to: request, of: Compatibility.chatCompletions)
        let decoded: ChatCompletionRequest
        do {
            decoded = try ChatCompletionRequest(completed, limits: .ollama, media: preset.media)
        } catch {
            throw names.renaming(error)
        }
        keepAlive = decoded.keepAlive
        ignoredParameters += decoded.ignoredParameters
        var chat = decoded.chat
        chat.stops = fields.stops.all(of: chat.stops)
        chat.choices = 1
        chat.sampling.logprobs = fields.logprobs
        chat.schemaField = "format"
        chat.wantsTokens = route == .generate
        chat.needsReasoning = fields.needsReasoning
        chat.preceding = preceding
        if matchesResults { chat.conversation.normalizations.append(.matchedResults) }
        // Earlier tokens begin with the preset's messages.
        if preceding.isEmpty { preset.complete(&chat.conversation) }
        return .chat(chat, isFlex: decoded.isFlex)
    }

    private mutating func text(
        _ fields: OllamaFields, _ prompt: String, suffix: String, _ preset: RequestPreset
    ) throws(APIError) -> Work {
        var request = fields.request
        request["prompt"] = .string(prompt)
        if !suffix.isEmpty { request["suffix"] = .string(suffix) }
        var completed = apply(preset, to: request, of: Compatibility.completions).objectValue ?? [:]
        // Without a limit, the answer may fill the context.
        completed["max_tokens"] = completed["max_tokens"] ?? .int(Int(Int32.max))
        let decoded: CompletionRequest
        do {
            decoded = try CompletionRequest(.object(completed), limits: .ollama)
        } catch {
            throw names.renaming(error)
        }
        keepAlive = decoded.keepAlive
        var text = decoded.completion
        text.stops = fields.stops.all(of: text.stops)
        text.choices = 1
        text.sampling.logprobs = fields.logprobs
        text.clampsMaximumTokens = true
        return .text(text)
    }

    private mutating func apply(_ preset: RequestPreset, to request: JSONObject, of endpoint: EndpointRow) -> JSON {
        let applied = preset.applied(to: .object(request), of: endpoint)
        forced = applied.replaced.compactMap { names.name(of: $0) }
        return applied.request
    }

    /// Returns the client's name of a field of Shimmy's own request; nil if the field does not come from the client.
    package func name(of field: String) -> String? { names.name(of: field) }

    /// Returns the request with a further field without effect.
    package func ignoring(_ field: String) -> OllamaRequest {
        var request = self
        request.ignoredParameters.append(field)
        return request
    }

    /// Returns the error for the client if the model cannot serve the request.
    package func error(_ error: GenerationError) -> APIError {
        switch error {
        case .unknownPromptToken(_, let token):
            return APIError(status: 400, message: "Invalid 'context': the model has no token \(token).", param: "context", code: "invalid_value")
        case .noReasoning:
            // Ollama's words, without the name of the field: clients look for them and repeat the request without it.
            return APIError(status: 400, message: "\"\(model)\" does not support thinking", code: "unsupported_parameter")
        default: break
        }
        return names.renaming(APIError(error, input: route.input))
    }

    /// The parameters of requests that set none and whose model recommends none: Ollama's.
    private static let usualSampling: JSONObject = ["temperature": 0.8, "top_k": 40, "top_p": 0.9]

    /// Returns the sampling parameters for a model's requests, where neither the client nor the preset sets them.
    /// - recommended: the parameters that the model's makers recommend.
    package static func sampling(recommended: JSONObject) -> JSONObject {
        recommended.reduce(into: usualSampling) { sampling, field in sampling[field.key] = field.value }
    }
}
