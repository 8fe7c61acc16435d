package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Translates a request for an answer to a conversation into a request of Anthropic's API.
package struct MessageCall {
    /// The max number of tokens of an answer for a request that sets none, because the API requires one.
    static let defaultTokens = 8_192
    /// The min number of reasoning tokens that the API takes.
    static let fewestReasoningTokens = 1_024

    private let request: ChatRequest
    private let settings: UpstreamSettings
    private let kind: UpstreamKind
    private let fields: UpstreamFields
    private var writer: SamplingFields
    private var report = AnswerReport()
    private var form = AnswerForm()
    private var system: [JSON] = []
    private var messages: [(role: String, blocks: [JSON])] = []

    /// Returns the call. Throws `UpstreamFailure` if the upstream cannot serve the request.
    package static func make(
        _ request: ChatRequest, model: String, maximumTokens: Int?, kind: UpstreamKind = .anthropic, settings: UpstreamSettings, user: String?
    ) throws(UpstreamFailure) -> UpstreamCall {
        if let field = obstacle(request) { throw .unsupported(settings.name, field: field, kind) }
        var call = MessageCall(request, model: model, kind, settings)
        call.writeForm()
        try call.writeMessages()
        call.writeTools()
        call.writeParameters(maximumTokens ?? defaultTokens, user: user)
        return call.finish()
    }

    private init(_ request: ChatRequest, model: String, _ kind: UpstreamKind, _ settings: UpstreamSettings) {
        self.request = request
        self.settings = settings
        self.kind = kind
        fields = UpstreamFields.of(kind, .messages)
        writer = SamplingFields(["model": .string(model), "stream": true], kind, fields)
        form = AnswerForm(callsOf: request.conversation, kind, fields)
    }

    private static func obstacle(_ request: ChatRequest) -> String? {
        let conversation = request.conversation
        if conversation.mediaKinds.contains(.audio) { return "input_audio" }
        if !request.preceding.isEmpty { return "context" }
        if request.grammar != nil { return request.grammarField }
        if conversation.continuation == .nothing { return "add_generation_prompt" }
        if conversation.continuation == .reasoning { return "continue_final_message" }
        return nil
    }

    // MARK: Messages

    private mutating func writeMessages() throws(UpstreamFailure) {
        for message in try ChatCall.messages(request.conversation, settings.name, &report, movesMedia: false) {
            switch message.role {
            case .system, .developer: system += texts(message)
            case .user: add("user", blocks(message))
            case .assistant: add("assistant", texts(message) + calls(message))
            case .tool, .function:
                let result: JSON = [
                    "type": "tool_result", "tool_use_id": .string(Self.id(message.toolCallID ?? "")), "content": .array(blocks(message)),
                ]
                add("user", [result])
            }
        }
        if !system.isEmpty { writer.set("system", .array(system)) }
        writer.set("messages", .array(messages.map { ["role": .string($0.role), "content": .array($0.blocks)] }))
    }

    /// Adds blocks to the last turn if it has the same role, because turns alternate.
    private mutating func add(_ role: String, _ blocks: [JSON]) {
        if blocks.isEmpty { return }
        if messages.last?.role == role { messages[messages.count - 1].blocks += blocks } else { messages.append((role, blocks)) }
    }

    private func blocks(_ message: ChatMessage) -> [JSON] {
        (message.content ?? []).compactMap { part in
            switch part {
            case .text(let text): return text.isEmpty ? nil : ["type": "text", "text": .string(text)]
            case .media(let media):
                if let (type, base64) = media.imageData {
                    let source: JSON = ["type": "base64", "media_type": .string(type), "data": .string(String(base64))]
                    return ["type": "image", "source": source]
                }
                guard case .image(let url, _) = media.source else { return nil }
                return ["type": "image", "source": ["type": "url", "url": .string(url)]]
            }
        }
    }

    private func texts(_ message: ChatMessage) -> [JSON] {
        // The API refuses empty texts.
        message.texts.filter { !$0.isEmpty }.map { ["type": "text", "text": .string($0)] }
    }

    private func calls(_ message: ChatMessage) -> [JSON] {
        (message.toolCalls?.arrayValue ?? []).map { call -> JSON in
            let function = call["function"]
            var input: JSON = [:]
            if let object = function?["arguments"]?.objectValue { input = .object(object) }
            if let text = function?["arguments"]?.stringValue, let json = try? JSON.parse(text), json.objectValue != nil { input = json }
            return [
                "type": "tool_use", "id": .string(Self.id(call["id"]?.stringValue ?? "")), "name": function?["name"] ?? "", "input": input,
            ]
        }
    }

    /// Returns an id with the characters that the API takes.
    private static func id(_ id: String) -> String {
        String(id.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") ? $0 : "_" })
    }

    // MARK: Tools and form

    private mutating func writeTools() {
        let conversation = request.conversation
        let choice = conversation.toolChoice
        let tools = conversation.tools.filter { tool in choice.names?.contains(tool.name) ?? true }
        guard !tools.isEmpty else { return }
        writer.set("tools", .array(tools.map(Self.tool)))
        for tool in tools where tool.inputGrammar != nil || tool.isStrict && !fields.enforcesTools { report.unenforced.append("\(tool.name)#") }
        var object: JSONObject =
            switch choice.mode {
            case .none: ["type": "none"]
            case .auto: ["type": "auto"]
            case .required where choice.isOneCall && tools.count == 1: ["type": "tool", "name": .string(tools[0].name)]
            case .required: ["type": "any"]
            }
        if !conversation.allowsParallelCalls, choice.mode != .none { object["disable_parallel_tool_use"] = true }
        writer.set("tool_choice", .object(object))
    }

    private static func tool(_ tool: Tool) -> JSON {
        var object: JSONObject = ["name": .string(tool.name), "input_schema": tool.parameters ?? ["type": "object", "properties": [:]]]
        if let description = tool.description { object["description"] = .string(description) }
        if tool.isStrict { object["strict"] = true }
        return .object(object)
    }

    /// Passes on a strict schema. Another schema may have keywords that the API refuses, so the model is asked to follow it.
    private mutating func writeForm() {
        guard let schema = request.conversation.responseSchema else { return }
        if fields.schema == .outputConfig, request.conversation.isResponseStrict || kind == .shimmy {
            writer.set("output_config", ["format": ["type": "json_schema", "schema": schema]])
            return
        }
        let text = "Answer with a JSON value that matches the following JSON Schema, without any other text.\n\(schema.text)"
        system.append(["type": "text", "text": .string(text)])
        report.unenforced.append("#")
        form.schema = schema
    }

    // MARK: Parameters

    private mutating func writeParameters(_ maximumTokens: Int, user: String?) {
        writer.set("max_tokens", .int(maximumTokens))
        var sampling = request.sampling
        // They are the API's defaults, and newer models refuse a temperature together with top_p.
        sampling.neutral = []
        // The API's temperatures end at 1.
        if sampling.temperature > 1 {
            sampling.temperature = 1
            report.withoutEffect.append(UpstreamField.temperature.rawValue)
        }
        let isReasoning = writeReasoning(maximumTokens)
        // The API refuses these together with reasoning.
        if isReasoning {
            for (field, isSet) in [(UpstreamField.temperature, sampling.temperature != 1), (UpstreamField.topK, sampling.topK > 0)] where isSet {
                report.withoutEffect.append(field.rawValue)
            }
            (sampling.temperature, sampling.topK) = (1, 0)
        }
        writer.write(sampling)
        if sampling.logprobs != nil { report.withoutEffect.append(UpstreamField.logprobs.rawValue) }
        if !request.prediction.isEmpty { report.withoutEffect.append(UpstreamField.prediction.rawValue) }
        if let adapters = request.adapters, !adapters.isEmpty { report.withoutEffect.append(UpstreamField.adapters.rawValue) }
        // The API refuses stop strings of white space.
        let stops = request.stops.filter { !$0.allSatisfy(\.isWhitespace) }
        if !stops.isEmpty { writer.set("stop_sequences", .array(stops.map(JSON.string))) }
        if let user { writer.set("metadata", ["user_id": .string(user)]) }
    }

    /// Returns whether the request asks for reasoning.
    private mutating func writeReasoning(_ maximumTokens: Int) -> Bool {
        let conversation = request.conversation
        var arguments = conversation.templateArguments
        let effort = arguments["reasoning_effort"]?.stringValue
        for name in ["reasoning_effort", "enable_thinking"] { arguments[name] = nil }
        if !arguments.isEmpty { report.withoutEffect.append(UpstreamField.templateArguments.rawValue) }
        let isWanted = conversation.thinks == true || effort != nil || !conversation.reasoningFields.isEmpty
        guard isWanted, conversation.thinks != false else { return false }
        let budget = max(Self.fewestReasoningTokens, request.thinkingBudget ?? maximumTokens / 2)
        // The answer needs tokens of its own.
        guard budget < maximumTokens else {
            report.withoutEffect += conversation.reasoningFields
            return false
        }
        writer.set("thinking", ["type": "enabled", "budget_tokens": .int(budget)])
        return true
    }

    private mutating func finish() -> UpstreamCall {
        report.withoutEffect += writer.withoutEffect
        var call = UpstreamCall(path: "/v1/messages", bodies: Array(repeating: writer.json, count: max(1, request.choices)), choicesPerBody: 1)
        call.ownStops = request.stops.filter { $0.allSatisfy(\.isWhitespace) }
        call.report = report
        call.form = form
        call.apply(settings)
        return call
    }
}
