import ShimmyChat
import ShimmyGrammar
import ShimmyJSON

/// The decoded parts of a chat request that determine the prompt.
struct ConversationDecoder {
    private(set) var conversation: Conversation
    private(set) var dialect: CallDialect
    /// The max number of reasoning tokens; nil for no limit.
    private(set) var thinkingBudget: Int?
    /// The tools that this server cannot offer and the parts of tools' outputs that no model can read, for the response's header.
    private(set) var ignored: ReportedNames

    init(_ fields: FieldReader, _ limits: ChatLimits = .openAI) throws(APIError) {
        let tools = try ToolDecoder(fields, limits: limits)
        dialect = tools.dialect
        var ignored = tools.ignored
        let messages = try ChatMessageDecoder.decode(fields, &ignored)
        self.ignored = ignored
        try ChatCalls.checkResults(messages, fields.path(to: "messages"))
        let complete = ChatCalls.withoutUnansweredCuts(messages, fields.object["messages"]?.arrayValue ?? [])
        conversation = Conversation(messages: complete ?? messages, tools: tools.tools, toolChoice: tools.choice)
        if complete != nil { conversation.normalizations.append(.omittedCalls) }
        if !limits.needsResults { repairCalls() }
        conversation.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true && !dialect.usesFunctions && !tools.choice.isOneCall
        if let format = try fields.nested("response_format") {
            conversation.responseSchema = try FormatDecoder.schema(format, &conversation.isResponseStrict)
        }
        try decodeVLLMsSchema(fields)
        conversation.noteRepairs(tools.hasRepairs)
        try decodeReasoning(fields)
        conversation.continuation = try Self.continuation(fields, conversation.messages)
        conversation.mustContinue = try fields.bool("continue_final_message") == true
        // A constrained answer goes on exactly where the text ends.
        if fields.value("response_format") == nil { trimBeginning() }
        dropEmptyBeginning()
    }

    private mutating func repairCalls() {
        let repaired = LooseCalls(repairing: conversation.messages)
        conversation.messages = repaired.messages
        for change in repaired.normalizations where !conversation.normalizations.contains(change) { conversation.normalizations.append(change) }
    }

    /// Removes the spaces at the end of the start of an answer. Tokens of words contain the space before the word, so that a model rarely continues a
    /// text that ends with a space.
    private mutating func trimBeginning() {
        guard let index = conversation.messages.indices.last else { return }
        switch conversation.continuation {
        case .content:
            guard let text = conversation.messages[index].content?.last?.text.flatMap(Self.trimmed) else { return }
            conversation.messages[index].content?.removeLast()
            conversation.messages[index].content?.append(.text(text))
        case .reasoning:
            guard let text = conversation.messages[index].reasoning.flatMap(Self.trimmed) else { return }
            conversation.messages[index].reasoning = text
            if text.isEmpty { conversation.continuation = .content }
        case .no, .nothing: return
        }
        conversation.normalizations.append(.trimmedStart)
    }

    /// Returns a text without the spaces at its end; nil if it has none.
    private static func trimmed(_ text: String) -> String? {
        let (bytes, space) = (Array(text.utf8), UInt8(ascii: " "))
        guard bytes.last == space else { return nil }
        return String(decoding: bytes[..<((bytes.lastIndex { $0 != space } ?? -1) + 1)], as: UTF8.self)
    }

    /// Removes an empty assistant message at the end, which clients send as the place of the answer. The start of an answer without text is the
    /// template's own prompt for an answer.
    private mutating func dropEmptyBeginning() {
        guard conversation.continuation == .content, conversation.messages.count > 1, let last = conversation.messages.last, last.isEmpty else {
            return
        }
        conversation.messages.removeLast()
        (conversation.continuation, conversation.mustContinue) = (.no, false)
    }

    /// Decodes vLLM's fields `guided_json` and `structured_outputs`, and llama-server's `json_schema`: a schema, as JSON or as a JSON text.
    private mutating func decodeVLLMsSchema(_ fields: FieldReader) throws(APIError) {
        let outputs = try fields.nested("structured_outputs")
        let anyObject = try outputs?.bool("json_object") ?? false
        let given = [
            (fields.value("guided_json"), fields.path(to: "guided_json")), (outputs?.value("json"), JSONPath.key("structured_outputs").key("json")),
            (fields.value("json_schema"), fields.path(to: "json_schema")),
        ]
        for case (let value?, let path) in given {
            if conversation.responseSchema != nil { throw Self.rivals(path) }
            var schema = value
            if let text = value.stringValue {
                do {
                    schema = try JSON.parse(text, limits: .clients)
                } catch {
                    throw APIError(status: 400, message: "Invalid '\(path)': it is not JSON: \(error).", param: "\(path)", code: "invalid_value")
                }
            }
            conversation.responseSchema = try FormatDecoder.object(schema, path)
        }
        if anyObject {
            if conversation.responseSchema != nil { throw Self.rivals(.key("structured_outputs").key("json_object")) }
            conversation.responseSchema = ["type": "object"]
        }
    }

    private static func rivals(_ path: JSONPath) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(path)': the request already has a schema for its answer.", param: "\(path)", code: "invalid_value")
    }

    private mutating func decodeReasoning(_ fields: FieldReader) throws(APIError) {
        let given = try ChatEffort(fields)
        thinkingBudget = try ThinkingDecoder.budget(given.effort, given.effortField, fields, others: given, &conversation)
        if let thinks = given.thinks, conversation.thinks == nil {
            conversation.thinks = thinks
            if thinks { conversation.reasoningFields.append(given.thinksField) }
        }
        if fields.value("reasoning_field") != nil {
            dialect.reasoningField = try fields.choice("reasoning_field", as: CallDialect.ReasoningField.self)
        }
    }

    // MARK: The last message

    /// Returns how the answer continues the last message. An assistant message at the end is the start of the answer, unless the client says
    /// otherwise.
    private static func continuation(_ fields: FieldReader, _ messages: [ChatMessage]) throws(APIError) -> Conversation.Continuation {
        let wanted = try fields.bool("continue_final_message")
        // vLLM's clients send both fields. With `add_generation_prompt: false` alone, the prompt would neither start nor continue an answer.
        if try fields.bool("add_generation_prompt") == false, wanted != true { throw .unsupportedParameter(fields.path(to: "add_generation_prompt")) }
        guard let last = messages.last, last.role == .assistant, last.toolCalls == nil else {
            if wanted == true {
                throw APIError(
                    status: 400, message: "'continue_final_message' needs an assistant message without tool calls as the last message.",
                    param: "continue_final_message", code: "invalid_value")
            }
            return .no
        }
        if wanted == false { return .no }
        return last.hasContent || last.reasoning?.isEmpty ?? true ? .content : .reasoning
    }
}

extension Conversation {
    /// Repairs the schema of the answer, and notes repairs of schemas.
    /// - isRepaired: whether the schema of a tool was repaired.
    mutating func noteRepairs(_ isRepaired: Bool) {
        let repaired = responseSchema.flatMap { SchemaRepair.repaired($0) }
        if let repaired { responseSchema = repaired }
        if isRepaired || repaired != nil, !normalizations.contains(.emptyObjects) { normalizations.append(.emptyObjects) }
    }
}
