package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Translates a request for an answer to a conversation into a chat completion of an upstream.
package struct ChatCall {
    private let request: ChatRequest
    private let settings: UpstreamSettings
    private let kind: UpstreamKind
    private let fields: UpstreamFields
    private var writer: SamplingFields
    private var report = AnswerReport()
    private var form = AnswerForm()
    /// The max number of stop strings that are passed on.
    private var mostStops: Int

    /// Returns the call. Throws `UpstreamFailure` if the upstream cannot serve the request.
    /// - maximumTokens: the max number of tokens of each answer; nil for no limit.
    /// - namesStop: whether the answer must name the stop string that ended it.
    package static func make(
        _ request: ChatRequest, model: String, maximumTokens: Int?, kind: UpstreamKind, settings: UpstreamSettings, user: String?,
        namesStop: Bool = false
    ) throws(UpstreamFailure) -> UpstreamCall {
        var call = ChatCall(request, model: model, kind: kind, settings)
        if namesStop, !call.fields.namesStops { call.mostStops = 0 }
        try call.writeConversation()
        call.writeTools()
        try call.writeForm()
        call.writeSampling(maximumTokens, user: user)
        return call.finish()
    }

    private init(_ request: ChatRequest, model: String, kind: UpstreamKind, _ settings: UpstreamSettings) {
        self.request = request
        self.settings = settings
        self.kind = kind
        fields = UpstreamFields.of(kind, at: settings)
        mostStops = fields.stops ?? .max
        var body: JSONObject = ["model": .string(model), "stream": true]
        // vLLM then counts in each chunk, so that the counts are known before the end.
        body["stream_options"] = kind == .vllm ? ["include_usage": true, "continuous_usage_stats": true] : ["include_usage": true]
        writer = SamplingFields(body, kind, fields, isCompletion: true)
    }

    // MARK: The conversation

    private mutating func writeConversation() throws(UpstreamFailure) {
        let conversation = request.conversation
        if !request.preceding.isEmpty { throw .unsupported(settings.name, field: "context", kind) }
        let messages = try Self.messages(conversation, settings.name, &report, movesMedia: !fields.outputMedia.contains(.chat))
        writer.set("messages", .array(messages.map(message)))
        guard conversation.continuation != .no else { return }
        guard conversation.continuation == .content, let continuation = fields.continuation else {
            let field = conversation.continuation == .nothing ? "add_generation_prompt" : "continue_final_message"
            if conversation.mustContinue || conversation.continuation != .content { throw .unsupported(settings.name, field: field, kind) }
            report.withoutEffect.append(field)
            return
        }
        for (name, value) in continuation.sorted(by: { $0.key < $1.key }) { writer.set(name, .bool(value)) }
    }

    /// Returns the messages with an ID for each call, which most servers require.
    /// - movesMedia: whether images in the outputs of tools go to the user's next message.
    static func messages(
        _ conversation: Conversation, _ upstream: String, _ report: inout AnswerReport, movesMedia: Bool
    ) throws(UpstreamFailure) -> [ChatMessage] {
        report.normalizations += conversation.normalizations.map(\.rawValue)
        var messages = conversation.messages
        if messages.lacksCallIDs {
            report.normalizations.append(Normalization.matchedResults.rawValue)
            do throws(ToolResultError) {
                messages = try messages.withOrderedToolResults(continues: conversation.continuation != .no)
            } catch {
                throw UpstreamFailure(upstream, .refused(status: 400, param: "messages", code: "invalid_value"), error.description)
            }
        }
        guard movesMedia, conversation.hasOutputMedia else { return messages }
        report.normalizations.append(Normalization.movedMedia.rawValue)
        return messages.withOutputMediaInUserMessages()
    }

    private func message(_ message: ChatMessage) -> JSON {
        guard var object = message.json.objectValue else { return message.json }
        if !message.media.isEmpty { object["content"] = .array((message.content ?? []).map(Self.part)) }
        if message.role == .developer, !fields.takesDeveloper { object["role"] = "system" }
        if !fields.takesNull, object["content"]?.isNull == true { object["content"] = nil }
        if let reasoning = message.reasoning {
            object["reasoning_content"] = nil
            if let name = fields.reasoningField { object[name] = .string(reasoning) }
        }
        return .object(object)
    }

    private static func part(_ part: ContentPart) -> JSON {
        switch part {
        case .text(let text): return ["type": "text", "text": .string(text)]
        case .media(let media):
            switch media.source {
            case .image(let url, let detail):
                var image: JSONObject = ["url": .string(url)]
                image["detail"] = detail.map(JSON.string)
                return ["type": "image_url", "image_url": .object(image)]
            case .audio(let data, let format): return ["type": "input_audio", "input_audio": ["data": .string(data), "format": .string(format)]]
            }
        }
    }

    // MARK: Tools

    private mutating func writeTools() {
        let conversation = request.conversation
        // vLLM enforces required calls of strict tools, and gets the tools as strict ones then.
        form = AnswerForm(callsOf: conversation, kind, fields, enforcesRequired: kind == .vllm)
        let choice = conversation.toolChoice
        // A choice among some tools is a choice among all tools that the upstream sees.
        let tools = conversation.tools.filter { tool in choice.names?.contains(tool.name) ?? true }
        guard !tools.isEmpty, choice.mode != .none || fields.name(.toolChoice) != nil else { return }
        writer.set("tools", .array(tools.map(tool)))
        for tool in tools where tool.inputGrammar != nil || tool.isStrict && !fields.enforcesTools { report.unenforced.append("\(tool.name)#") }
        switch choice.mode {
        case .auto: break
        case .none: writer.set(.toolChoice, "none")
        // llama-server takes a choice that is an object for "auto"; the only tool that it sees is the chosen one.
        case .required where choice.isOneCall && tools.count == 1 && kind != .llamaServer:
            writer.set(.toolChoice, ["type": "function", "function": ["name": .string(tools[0].name)]])
        case .required: writer.set(.toolChoice, "required")
        }
        if choice.mode != .none { writer.set(.parallelCalls, false, if: !conversation.allowsParallelCalls) }
    }

    private func tool(_ tool: Tool) -> JSON {
        // vLLM writes the arguments of a required call as a string if the tool is not strict.
        let isStrict = tool.isStrict || kind == .vllm && request.conversation.toolChoice.mode == .required
        guard isStrict, var object = tool.json.objectValue, var function = object["function"]?.objectValue else { return tool.json }
        function["strict"] = true
        object["function"] = .object(function)
        return .object(object)
    }

    // MARK: The form of the answer

    private mutating func writeForm() throws(UpstreamFailure) {
        if let grammar = request.grammar {
            guard let name = fields.name(.grammar) else { throw .unsupported(settings.name, field: request.grammarField, kind) }
            if kind == .vllm { writer.set("structured_outputs", ["grammar": .string(grammar)]) } else { writer.set(name, .string(grammar)) }
            form.hold(to: grammar, hasStops: !request.stops.isEmpty, kind)
        }
        guard let schema = request.conversation.responseSchema else { return }
        let isStrict = request.conversation.isResponseStrict
        let isEnforced = fields.schema == .responseFormat || isStrict
        let described: JSON = ["name": "answer", "schema": schema, "strict": .bool(kind == .shimmy ? isStrict : isEnforced)]
        writer.set("response_format", ["type": "json_schema", "json_schema": described])
        guard !isEnforced else { return }
        report.unenforced.append("#")
        form.schema = schema
    }

    // MARK: Parameters

    private mutating func writeSampling(_ maximumTokens: Int?, user: String?) {
        writer.write(request.sampling)
        if let logprobs = request.sampling.logprobs {
            writer.set(.logprobs, true)
            if fields.name(.logprobs) != nil { writer.set("top_logprobs", .int(logprobs)) }
        }
        if let maximumTokens {
            let isOpenAIs = kind == .openai && UpstreamHost.isOpenAIs(settings.url)
            writer.set(isOpenAIs ? "max_completion_tokens" : "max_tokens", .int(maximumTokens))
        }
        writer.set(.choices, .int(request.choices), if: request.choices > 1 && fields.takesChoices(request.sampling))
        writer.set(.prediction, ["type": "content", "content": .string(request.prediction)], if: !request.prediction.isEmpty)
        let stops = request.stops.prefix(mostStops)
        if !stops.isEmpty { writer.set("stop", .array(stops.map(JSON.string))) }
        if let user { writer.set("user", .string(user)) }
        if let adapters = request.adapters, !adapters.isEmpty { writer.set(.adapters, Self.adapters(adapters)) }
        writeReasoning()
    }

    static func adapters(_ adapters: [AdapterChoice]) -> JSON {
        .array(
            adapters.map { adapter in
                switch adapter.reference {
                case .name(let name): ["name": .string(name), "scale": WireJSON.number(adapter.scale)]
                case .index(let index): ["id": .int(index), "scale": WireJSON.number(adapter.scale)]
                }
            })
    }

    private mutating func writeReasoning() {
        let conversation = request.conversation
        var arguments = conversation.templateArguments
        let effort = conversation.thinks == false ? "none" : arguments["reasoning_effort"]?.stringValue
        if let thinks = conversation.thinks, arguments["enable_thinking"] == nil { arguments["enable_thinking"] = .bool(thinks) }
        if let name = fields.name(.effort), let effort, kind != .vllm || effort != "none" { writer.set(name, .string(effort)) }
        if let name = fields.name(.templateArguments) {
            if !arguments.isEmpty { writer.set(name, .object(arguments)) }
        } else {
            // The field for the effort has already passed these on: to reason or not is an effort, too.
            for name in ["reasoning_effort", "enable_thinking"] where fields.name(.effort) != nil { arguments[name] = nil }
            if !arguments.isEmpty { report.withoutEffect.append(UpstreamField.templateArguments.rawValue) }
        }
        // An effort implies a budget; only a budget that the request names is reported.
        if let budget = request.thinkingBudget, conversation.namesBudget {
            writer.set(.reasoningBudget, .int(budget))
        }
    }

    // MARK: The end

    private mutating func finish() -> UpstreamCall {
        report.withoutEffect += writer.withoutEffect
        let isTogether = request.choices <= 1 || fields.takesChoices(request.sampling)
        let bodies = writer.bodies(choices: isTogether ? 1 : request.choices, seed: request.sampling.seed)
        var call = UpstreamCall(path: "/v1/chat/completions", bodies: bodies, choicesPerBody: isTogether ? max(1, request.choices) : 1)
        call.ownStops = Array(request.stops.dropFirst(mostStops))
        call.report = report
        call.form = form
        call.apply(settings)
        return call
    }
}
