package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Translates a request for an answer to a conversation into a request of the Responses API. The upstream stores nothing: each request has the whole
/// conversation.
package struct ResponseCall {
    private let request: ChatRequest
    private let settings: UpstreamSettings
    private let kind: UpstreamKind
    private let fields: UpstreamFields
    private var writer: SamplingFields
    private var report = AnswerReport()
    private var form = AnswerForm()

    /// Returns the call. Throws `UpstreamFailure` if the upstream cannot serve the request.
    /// - maximumTokens: the max number of tokens of each answer; nil for no limit.
    package static func make(
        _ request: ChatRequest, model: String, maximumTokens: Int?, kind: UpstreamKind, settings: UpstreamSettings, user: String?
    ) throws(UpstreamFailure) -> UpstreamCall {
        var call = ResponseCall(request, model: model, kind: kind, settings)
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
        fields = UpstreamFields.of(kind, .responses, at: settings)
        writer = SamplingFields(["model": .string(model), "stream": true, "store": false], kind, fields)
    }

    // MARK: The conversation

    private mutating func writeConversation() throws(UpstreamFailure) {
        let conversation = request.conversation
        if !request.preceding.isEmpty { throw .unsupported(settings.name, field: "context", kind) }
        let movesMedia = !fields.outputMedia.contains(.responses)
        let messages = try ChatCall.messages(conversation, settings.name, &report, movesMedia: movesMedia)
        writer.set("input", .array(messages.flatMap(items)))
        guard conversation.continuation != .no else { return }
        let field = conversation.continuation == .nothing ? "add_generation_prompt" : "continue_final_message"
        if conversation.mustContinue || conversation.continuation != .content { throw .unsupported(settings.name, field: field, kind) }
        report.withoutEffect.append(field)
    }

    private func items(_ message: ChatMessage) -> [JSON] {
        let text = message.texts.joined(separator: "\n")
        switch message.role {
        case .system, .developer, .user:
            let role = message.role == .developer && !fields.takesDeveloper ? .system : message.role
            let content = message.media.isEmpty ? .string(text) : JSON.array((message.content ?? []).map(Self.part))
            return [["type": "message", "role": .string(role.rawValue), "content": content]]
        case .assistant:
            var items: [JSON] = []
            if let reasoning = message.reasoning, !reasoning.isEmpty, fields.reasoningField != nil {
                let content: JSON = [["type": "reasoning_text", "text": .string(reasoning)]]
                items.append(["type": "reasoning", "summary": [], "content": content])
            }
            if !text.isEmpty { items.append(["type": "message", "role": "assistant", "content": .string(text)]) }
            return items + (message.toolCalls?.arrayValue ?? []).map(Self.call)
        case .tool, .function:
            let output = message.media.isEmpty ? .string(text) : JSON.array((message.content ?? []).map(Self.part))
            return [["type": "function_call_output", "call_id": .string(message.toolCallID ?? ""), "output": output]]
        }
    }

    private static func part(_ part: ContentPart) -> JSON {
        switch part {
        case .text(let text): return ["type": "input_text", "text": .string(text)]
        case .media(let media):
            switch media.source {
            case .image(let url, let detail): return ["type": "input_image", "image_url": .string(url), "detail": .string(detail ?? "auto")]
            case .audio(let data, let format): return ["type": "input_audio", "input_audio": ["data": .string(data), "format": .string(format)]]
            }
        }
    }

    private static func call(_ call: JSON) -> JSON {
        let function = call["function"]
        let arguments = function?["arguments"]
        let text = arguments?.stringValue ?? arguments?.objectValue.map { JSON.object($0).text } ?? "{}"
        return ["type": "function_call", "call_id": call["id"] ?? "", "name": function?["name"] ?? "", "arguments": .string(text)]
    }

    // MARK: Tools and form

    private mutating func writeTools() {
        let conversation = request.conversation
        form = AnswerForm(callsOf: conversation, kind, fields)
        let choice = conversation.toolChoice
        let tools = conversation.tools.filter { tool in choice.names?.contains(tool.name) ?? true }
        guard !tools.isEmpty, choice.mode != .none || fields.name(.toolChoice) != nil else { return }
        writer.set("tools", .array(tools.map(Self.tool)))
        for tool in tools where tool.inputGrammar != nil || tool.isStrict && !fields.enforcesTools { report.unenforced.append("\(tool.name)#") }
        switch choice.mode {
        case .auto: break
        case .none: writer.set(.toolChoice, "none")
        case .required where choice.isOneCall && tools.count == 1:
            writer.set(.toolChoice, ["type": "function", "name": .string(tools[0].name)])
        case .required: writer.set(.toolChoice, "required")
        }
        if choice.mode != .none { writer.set(.parallelCalls, false, if: !conversation.allowsParallelCalls) }
    }

    private static func tool(_ tool: Tool) -> JSON {
        // Without `strict`, the API makes each schema strict.
        var object: JSONObject = ["type": "function", "name": .string(tool.name), "strict": .bool(tool.isStrict)]
        if let description = tool.description { object["description"] = .string(description) }
        object["parameters"] = tool.parameters ?? ["type": "object", "properties": [:]]
        return .object(object)
    }

    private mutating func writeForm() throws(UpstreamFailure) {
        if let grammar = request.grammar {
            guard fields.name(.grammar) != nil else { throw .unsupported(settings.name, field: request.grammarField, kind) }
            writer.set(.grammar, .string(grammar))
            form.hold(to: grammar, hasStops: !request.stops.isEmpty, kind)
        }
        guard let schema = request.conversation.responseSchema else { return }
        let isStrict = request.conversation.isResponseStrict
        let isEnforced = fields.schema == .responseFormat || isStrict
        let format: JSON = [
            "type": "json_schema", "name": "answer", "schema": schema, "strict": .bool(kind == .shimmy ? isStrict : isEnforced),
        ]
        writer.set("text", ["format": format])
        guard !isEnforced else { return }
        report.unenforced.append("#")
        form.schema = schema
    }

    // MARK: Parameters

    private mutating func writeSampling(_ maximumTokens: Int?, user: String?) {
        writer.write(request.sampling)
        if let logprobs = request.sampling.logprobs {
            if fields.name(.logprobs) != nil {
                writer.set("include", ["message.output_text.logprobs"])
                writer.set("top_logprobs", .int(logprobs))
            } else {
                report.withoutEffect.append(UpstreamField.logprobs.rawValue)
            }
        }
        if let maximumTokens { writer.set("max_output_tokens", .int(maximumTokens)) }
        if !request.prediction.isEmpty { report.withoutEffect.append(UpstreamField.prediction.rawValue) }
        if let adapters = request.adapters, !adapters.isEmpty { report.withoutEffect.append(UpstreamField.adapters.rawValue) }
        if let user { writer.set("user", .string(user)) }
        writeReasoning()
    }

    private mutating func writeReasoning() {
        let conversation = request.conversation
        var arguments = conversation.templateArguments
        let effort = conversation.thinks == false ? "none" : arguments["reasoning_effort"]?.stringValue
        // vLLM has no value that turns reasoning off.
        if let effort, kind != .vllm || effort != "none" {
            // Summaries need permission at OpenAI, and other servers send the reasoning itself.
            writer.set("reasoning", ["effort": .string(effort)])
        }
        for name in ["reasoning_effort", "enable_thinking"] { arguments[name] = nil }
        writer.set(.templateArguments, .object(arguments), if: !arguments.isEmpty)
        if let budget = request.thinkingBudget, conversation.namesBudget {
            writer.set(.reasoningBudget, .int(budget))
        }
    }

    // MARK: The end

    private mutating func finish() -> UpstreamCall {
        report.withoutEffect += writer.withoutEffect
        let bodies = writer.bodies(choices: request.choices, seed: request.sampling.seed)
        var call = UpstreamCall(path: "/v1/responses", bodies: bodies, choicesPerBody: 1)
        // The API has no stop strings.
        call.ownStops = request.stops
        call.report = report
        call.form = form
        call.apply(settings)
        return call
    }
}
