package import ShimmyChat
import ShimmyCore
import ShimmyGrammar
package import ShimmyJSON

/// The decoded request of `POST /v1/messages` or `POST /v1/messages/count_tokens`.
package typealias MessageRequest = TranslatedRequest<MessageOptions>

/// The parts of a request of Anthropic's API that a chat completion does not have.
package struct MessageOptions: Sendable, Equatable {
    fileprivate(set) var stops = StopStrings()
    /// Whether the client receives thinking blocks without their text.
    fileprivate(set) var hidesThinking = false
    /// Whether the request marks parts of its prompt for the cache.
    fileprivate(set) var marksCache = false
}

extension TranslatedRequest where Own == MessageOptions {
    /// The request for the model.
    package var chat: ChatRequest {
        var chat = completion.chat
        chat.stops = own.stops.all(of: chat.stops)
        chat.choices = 1
        chat.schemaField = "output_config.format.schema"
        return chat
    }
}

/// Translates requests of Anthropic's API to chat completions. Errors name the client's fields.
package struct MessageTranslation {
    private let fields: FieldReader
    private var request = JSONObject()
    private var options = MessageOptions()
    private var names = FieldNames()
    private var ignored: ReportedNames

    /// Translates a request of `POST /v1/messages`.
    /// - media: the kinds of media that the model reads.
    package static func answer(
        _ json: JSON, media: MediaKinds = .none, recorder: FieldRecorder? = nil
    ) throws(APIError) -> Translation<MessageOptions> {
        var translation = try MessageTranslation(json, AnthropicRows.messages, media, recorder)
        try translation.readPrompt()
        try translation.readLimits()
        try translation.readSampling()
        if let metadata = try translation.fields.nested("metadata") { try SharedFields.checkEndUser(metadata, "user_id") }
        return translation.result
    }

    /// Translates a request of `POST /v1/messages/count_tokens`.
    /// - media: the kinds of media that the model reads.
    package static func count(
        _ json: JSON, media: MediaKinds = .none, recorder: FieldRecorder? = nil
    ) throws(APIError) -> Translation<MessageOptions> {
        var translation = try MessageTranslation(json, AnthropicRows.countTokens, media, recorder)
        try translation.readPrompt()
        return translation.result
    }

    private init(_ json: JSON, _ endpoint: EndpointRow, _ media: MediaKinds, _ recorder: FieldRecorder?) throws(APIError) {
        fields = try FieldReader(json, path: .root, media: media, recorder: recorder)
        ignored = try endpoint.check(fields.object)
        request["model"] = .string(try fields.requiredString("model"))
        options.marksCache = fields.value("cache_control") != nil
    }

    private var result: Translation<MessageOptions> {
        Translation(.object(request), options, ignored: ignored, names: names, limits: .anthropic, media: fields.media)
    }

    /// Sets a field of the chat completion; nil leaves it out.
    /// - name: the client's name of the field.
    private mutating func set(_ field: String, _ value: JSON?, from name: String? = nil) {
        guard let value else { return }
        request[field] = value
        names.note(field, as: name ?? field)
    }

    // MARK: The prompt

    private mutating func readPrompt() throws(APIError) {
        try readMessages()
        try readTools()
        let config = try fields.nested("output_config")
        try readThinking(config)
        try readFormat(config)
    }

    private mutating func readMessages() throws(APIError) {
        _ = try fields.required("messages")
        let messages = try fields.objects("messages", most: InputLimits.standard.messages)
        if messages.isEmpty { throw .emptyArray(fields.path(to: "messages")) }
        var turns = MessageTurns()
        try turns.addSystem(fields)
        for (index, message) in messages.enumerated() { try turns.add(try fields.element(message, of: "messages", at: index)) }
        try turns.finish()
        set("messages", .array(turns.messages))
        for (field, name) in turns.names { names.note(field, as: name) }
        if turns.isContinued { set("continue_final_message", true, from: "messages") }
        if turns.marksCache { options.marksCache = true }
        ignored += turns.ignored
    }

    // MARK: Tools

    /// Reads the tools. Anthropic's own tools keep their indices, so that errors count the tools as the client does; the decoder of chat completions
    /// reports them as ignored.
    private mutating func readTools() throws(APIError) {
        var tools: [JSON] = []
        var functions = 0
        var others: Set<String> = []
        for (index, element) in try fields.objects("tools", most: InputLimits.standard.tools).enumerated() {
            let tool = try fields.element(element, of: "tools", at: index)
            if tool.value("cache_control") != nil { options.marksCache = true }
            if try tool.string("type") ?? "custom" == "custom" {
                let function = try self.function(tool)
                tools.append(["type": "function", "function": .object(function)])
                functions += 1
                names.note("tools[\(index)].function", as: "\(tool.path)")
                names.note("tools[\(index)].function.parameters", as: "\(tool.path(to: "input_schema"))")
            } else {
                tools.append(["type": "unknown"])
                others.insert(try tool.string("name") ?? "")
            }
        }
        if !tools.isEmpty { set("tools", .array(tools)) }
        try readToolChoice(functions: functions, others)
    }

    private mutating func function(_ tool: FieldReader) throws(APIError) -> JSONObject {
        var function: JSONObject = ["name": .string(try tool.requiredString("name"))]
        function["description"] = try tool.string("description").map(JSON.string)
        let schema = try tool.required("input_schema")
        function["parameters"] = schema
        if try tool.bool("strict") == true {
            // Anthropic allows optional properties in strict schemas; Shimmy's rules for strict schemas are OpenAI's.
            let isStrict = StrictSchema.obstacle(in: SchemaRepair.repaired(schema) ?? schema) == nil
            if isStrict { function["strict"] = true } else { ignored.append("\(tool.path(to: "strict"))") }
        }
        return function
    }

    /// - functions: the number of tools that this server can offer.
    /// - others: the names of the tools that it cannot offer.
    private mutating func readToolChoice(functions: Int, _ others: Set<String>) throws(APIError) {
        guard let choice = try fields.nested("tool_choice") else { return }
        if try choice.bool("disable_parallel_tool_use") == true {
            set("parallel_tool_calls", false, from: "\(choice.path(to: "disable_parallel_tool_use"))")
        }
        let type = try choice.requiredString("type")
        switch type {
        case "auto", "none": if functions > 0 { set("tool_choice", .string(type)) }
        case "any" where functions == 0 && !others.isEmpty: ignored.append("tool_choice")
        case "any": set("tool_choice", "required")
        case "tool":
            let name = try choice.requiredString("name")
            if others.contains(name) {
                ignored.append("tool_choice")
            } else {
                set("tool_choice", ["type": "function", "function": ["name": .string(name)]])
            }
        default: throw .invalidValue(choice.path(to: "type"), type, supported: ["auto", "any", "tool", "none"])
        }
    }

    // MARK: Reasoning and format

    private enum Display: String, CaseIterable { case summarized, omitted }

    private mutating func readThinking(_ config: FieldReader?) throws(APIError) {
        if let config, config.value("effort") != nil {
            let effort = try config.choice("effort", as: ThinkingDecoder.Effort.self)
            set("reasoning_effort", .string(effort.rawValue), from: "\(config.path(to: "effort"))")
        }
        guard let thinking = try fields.nested("thinking") else { return }
        let type = try thinking.requiredString("type")
        let budget = try thinking.integer("budget_tokens", in: 0...Int64(Int32.max))
        if thinking.value("display") != nil { options.hidesThinking = try thinking.choice("display", as: Display.self) == .omitted }
        switch type {
        case "enabled", "adaptive":
            set("chat_template_kwargs", ["enable_thinking": true], from: "thinking")
            names.note("chat_template_kwargs.enable_thinking", as: "thinking")
            set("reasoning_budget_tokens", budget.map { JSON.int(Int($0)) }, from: "\(thinking.path(to: "budget_tokens"))")
        case "disabled":
            if request["reasoning_effort"] != nil { ignored.append("output_config.effort") }
            set("reasoning_effort", "none", from: "thinking")
        default: ignored.append("\(thinking.path(to: "type"))")
        }
    }

    /// Reads the format of the answer, also under the name that it had in the API's beta.
    private mutating func readFormat(_ config: FieldReader?) throws(APIError) {
        var format = try config?.nested("format")
        let older = try fields.nested("output_format")
        format = format ?? older
        guard let format else { return }
        let type = try format.requiredString("type")
        guard type == "json_schema" else { throw .invalidValue(format.path(to: "type"), type, supported: ["json_schema"]) }
        let path = format.path(to: "schema")
        let schema = try FormatDecoder.object(try format.required("schema"), path)
        set("response_format", ["type": "json_schema", "json_schema": ["name": "output", "schema": schema]], from: "\(format.path)")
        names.note("response_format.json_schema.schema", as: "\(path)")
    }

    // MARK: The answer

    private mutating func readLimits() throws(APIError) {
        _ = try fields.required("max_tokens")
        let most = try fields.integer("max_tokens", in: 1...Int64(Int32.max))
        set("max_tokens", most.map { JSON.int(Int($0)) })
        // As in Anthropic's API, an answer may end at the end of the context.
        request["max_tokens_over_context"] = "clamp"
        options.stops = try StopStrings(fields, "stop_sequences", takesString: false)
        if fields.value("stop_sequences") != nil { set("stop", options.stops.json, from: "stop_sequences") }
    }

    private mutating func readSampling() throws(APIError) {
        _ = try fields.decimal("temperature", in: 0...1)
        // `seed` and `keep_alive` are Shimmy's own. The decoder of chat completions checks the values.
        for name in ["temperature", "top_p", "top_k", "seed", "keep_alive", "stream"] { set(name, fields.value(name)) }
    }
}
