import ShimmyChat
import ShimmyGrammar
import ShimmyJSON

/// The fields of a Responses API request that define what the response continues.
struct ResponseContextFields {
    let instructions: String?
    let input: [InputItem]?
    let previousID: String?
    let conversationID: String?
    /// The items, and parts of items, that the model does not see, such as `input[2]`.
    private(set) var unseen = ReportedNames()

    /// - mayBeEmpty: whether `input` may be an empty array.
    init(_ fields: FieldReader, mayBeEmpty: Bool = false) throws(APIError) {
        instructions = try fields.string("instructions")
        input = try ResponseItemDecoder.input(fields)
        if let input, input.isEmpty, !mayBeEmpty { throw .emptyArray(fields.path(to: "input")) }
        for case (let index, .item(let item)) in (input ?? []).enumerated() {
            for part in item.unseenParts { unseen.append("input[\(index)]\(part)") }
        }
        previousID = try fields.string("previous_response_id")
        conversationID = try Self.conversation(fields)
        if previousID != nil, conversationID != nil {
            throw APIError(
                status: 400, message: "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.", param: "previous_response_id",
                code: "mutually_exclusive_parameters")
        }
    }

    /// Returns the conversation's ID, given directly or in an object; nil if the field is absent.
    private static func conversation(_ fields: FieldReader) throws(APIError) -> String? {
        guard let value = fields.value("conversation") else { return nil }
        if let id = value.stringValue { return id }
        guard value.objectValue != nil else {
            throw .wrongType(fields.path(to: "conversation"), expected: "a string or an object", got: value)
        }
        return try fields.nested("conversation")?.requiredString("id")
    }

    private enum Truncation: String, CaseIterable { case auto, disabled }

    func truncates(_ fields: FieldReader) throws(APIError) -> Bool {
        fields.value("truncation") == nil ? false : try fields.choice("truncation", as: Truncation.self) == .auto
    }
}

/// The fields of a request that go into the prompt beside the items: tools, the answer's format, reasoning.
struct ResponsePromptFields {
    private(set) var conversation = Conversation(messages: [])
    private(set) var dialect: CallDialect
    /// Whether the request allows calls if there are tools.
    let mayCall: Bool
    private(set) var thinkingBudget: Int?
    private(set) var summarizesThoughts = false
    private(set) var ignored: ReportedNames

    init(_ fields: FieldReader) throws(APIError) {
        let tools = try ToolDecoder(fields, shape: .flat, limits: .responses)
        dialect = tools.dialect
        ignored = tools.ignored
        conversation.tools = tools.tools
        conversation.toolChoice = tools.choice
        mayCall = fields.object["tool_choice"] != "none"
        conversation.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true && !tools.choice.isOneCall
        try decodeText(fields)
        conversation.noteRepairs(tools.hasRepairs)
        try decodeReasoning(fields)
    }

    private enum Verbosity: String, CaseIterable { case low, medium, high }

    private mutating func decodeText(_ fields: FieldReader) throws(APIError) {
        guard let text = try fields.nested("text") else { return }
        if let format = try text.nested("format") {
            conversation.responseSchema = try FormatDecoder.schema(format, &conversation.isResponseStrict, shape: .flat)
        }
        if text.value("verbosity") != nil, try text.choice("verbosity", as: Verbosity.self) != .medium { ignored.append("text.verbosity") }
    }

    private enum Summary: String, CaseIterable { case auto, concise, detailed }

    private mutating func decodeReasoning(_ fields: FieldReader) throws(APIError) {
        var effort: ThinkingDecoder.Effort?
        if let reasoning = try fields.nested("reasoning") {
            if reasoning.value("effort") != nil { effort = try reasoning.choice("effort", as: ThinkingDecoder.Effort.self) }
            for name in ["summary", "generate_summary"] where reasoning.value(name) != nil {
                _ = try reasoning.choice(name, as: Summary.self)
                summarizesThoughts = true
            }
        }
        thinkingBudget = try ThinkingDecoder.budget(effort, "reasoning.effort", fields, &conversation)
    }
}

/// The encoder of a request's fields in the object of its response. It contains every field that OpenAI defines, set or not.
enum ResponseEcho {
    static func object(_ fields: FieldReader, _ prompt: ResponsePromptFields, metadata: JSON, isFlex: Bool) -> JSONObject {
        func given(_ name: String, or other: JSON = .null) -> JSON { fields.object[name].flatMap { $0.isNull ? JSON?.none : $0 } ?? other }
        func text(_ name: String) -> JSON { given(name).stringValue.map(JSON.string) ?? .null }
        var object: JSONObject = ["background": given("background", or: false), "instructions": text("instructions")]
        object["frequency_penalty"] = given("frequency_penalty", or: 0)
        object["presence_penalty"] = given("presence_penalty", or: 0)
        object["max_output_tokens"] = given("max_output_tokens")
        object["max_tool_calls"] = given("max_tool_calls")
        object["metadata"] = metadata
        object["parallel_tool_calls"] = given("parallel_tool_calls", or: true)
        object["previous_response_id"] = text("previous_response_id")
        object["prompt_cache_key"] = text("prompt_cache_key")
        object["reasoning"] = ["effort": given("reasoning")["effort"] ?? .null, "summary": given("reasoning")["summary"] ?? .null]
        object["safety_identifier"] = text("safety_identifier")
        object["service_tier"] = isFlex ? "flex" : "default"
        object["temperature"] = given("temperature", or: 1)
        object["text"] = format(given("text", or: [:]))
        object["tool_choice"] = given("tool_choice", or: "auto")
        object["tools"] = .array((given("tools", or: []).arrayValue ?? []).map(tool))
        object["top_logprobs"] = given("top_logprobs", or: 0)
        object["top_p"] = given("top_p", or: 1)
        object["truncation"] = given("truncation", or: "disabled")
        object["user"] = text("user")
        return object
    }

    private static func format(_ text: JSON) -> JSON {
        var object: JSONObject = ["format": ["type": "text"], "verbosity": "medium"]
        for (key, value) in text.objectValue ?? [:] where !value.isNull { object[key] = value }
        if var format = object["format"]?.objectValue, format["type"] == "json_schema" {
            if format["strict"]?.boolValue == nil { format["strict"] = false }
            object["format"] = .object(format)
        }
        return .object(object)
    }

    /// Adds the optional fields that a function omits, and replaces its schema with the one that the server uses.
    private static func tool(_ tool: JSON) -> JSON {
        guard var object = tool.objectValue, object["type"] == "function" else { return tool }
        for name in ["description", "parameters"] where object[name] == nil { object[name] = .null }
        if object["strict"]?.boolValue == nil {
            let given = object["parameters"].map { SchemaRepair.repaired($0) ?? $0 }
            let made = given.flatMap { StrictSchema.made(of: $0) }
            object["strict"] = .bool(made != nil)
            object["parameters"] = made ?? object["parameters"]
        }
        return .object(object)
    }
}
