import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Reads items as clients send them and as they are stored. Keys that mean nothing here are kept.
enum ResponseItemDecoder {
    /// `input`: a text, or items. Nil when it is absent.
    static func input(_ fields: FieldReader) throws(APIError) -> [InputItem]? {
        guard let value = fields.value("input") else { return nil }
        if let text = value.stringValue { return [.text(text)] }
        return try items(value, fields, "input")
    }

    /// The items of an array with a name of its own, such as a conversation's; nil when there is none.
    static func items(_ fields: FieldReader, _ name: String, atMost maximum: Int) throws(APIError) -> [InputItem]? {
        guard let value = fields.value(name) else { return nil }
        if let array = value.arrayValue, array.count > maximum {
            throw .arrayTooLong(fields.path(to: name), maximum: maximum, got: array.count)
        }
        return try items(value, fields, name)
    }

    private static func items(_ value: JSON, _ fields: FieldReader, _ name: String) throws(APIError) -> [InputItem] {
        guard let array = value.arrayValue else {
            let expected = name == "input" ? "a string or an array of objects" : "an array of objects"
            throw .wrongType(fields.path(to: name), expected: expected, got: value)
        }
        let most = InputLimits.standard.messages
        if array.count > most { throw .arrayTooLong(fields.path(to: name), maximum: most, got: array.count) }
        var items: [InputItem] = []
        items.reserveCapacity(array.count)
        for (index, element) in array.enumerated() {
            let item = try fields.element(element, of: name, at: index)
            if try isReference(item) {
                items.append(.reference(id: try item.requiredString("id"), path: "\(item.path(to: "id"))"))
            } else {
                items.append(.item(try self.item(item)))
            }
        }
        return items
    }

    /// An item without a type is a message if it has a role, and otherwise names another one.
    private static func isReference(_ item: FieldReader) throws(APIError) -> Bool {
        if let type = try item.string("type") { return type == "item_reference" }
        return item.value("role") == nil && item.value("id") != nil
    }

    // MARK: Items

    private static let types = [
        "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning", "compaction",
        "item_reference",
    ]
    /// OpenAI's other kinds, most of them of tools that it runs itself.
    private static let unsupportedTypes: Set<String> = [
        "file_search_call", "computer_call", "computer_call_output", "web_search_call", "image_generation_call", "code_interpreter_call",
        "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
        "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call", "tool_search_call", "tool_search_output",
        "additional_tools", "compaction_trigger", "program", "program_output", "configuration_update",
    ]

    static func item(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        guard let type = try fields.string("type") else {
            guard fields.value("role") != nil else { throw .missing(fields.path(to: "type")) }
            return try message(fields)
        }
        switch type {
        case "message": return try message(fields)
        case "function_call": return try functionCall(fields)
        case "custom_tool_call": return try customCall(fields)
        case "function_call_output": return try output(fields, type, .functionOutput)
        case "custom_tool_call_output": return try output(fields, type, .customOutput)
        case "reasoning": return try reasoning(fields)
        case "compaction": return try compaction(fields)
        case let type where unsupportedTypes.contains(type): throw .unsupportedValue(fields.path(to: "type"), type, supported: types)
        default: throw .invalidValue(fields.path(to: "type"), type, supported: types)
        }
    }

    private enum Role: String, CaseIterable {
        case user, assistant, system, developer

        var inConversation: ChatMessage.Role {
            switch self {
            case .user: .user
            case .assistant: .assistant
            case .system: .system
            case .developer: .developer
            }
        }
    }

    private static func message(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let role = try fields.choice("role", as: Role.self)
        let content = try ItemContentDecoder.content(fields, "content", isOutput: role == .assistant)
        return try item(
            fields, "message", .message, .message(role.inConversation, content.texts),
            ["role": .string(role.rawValue), "content": .array(content.parts)])
    }

    private static func functionCall(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let (callID, name) = (try fields.requiredString("call_id"), try fields.requiredString("name"))
        let given = try fields.requiredString("arguments")
        let arguments = try CallArguments.read(given, fields.path(to: "arguments"))
        return try item(
            fields, "function_call", .functionCall, .call(id: callID, name: name, arguments: arguments),
            ["call_id": .string(callID), "name": .string(name), "arguments": .string(given)])
    }

    private static func customCall(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let (callID, name) = (try fields.requiredString("call_id"), try fields.requiredString("name"))
        let input = try fields.requiredString("input")
        let arguments: JSON = [CallDialect.inputName: .string(input)]
        return try item(
            fields, "custom_tool_call", .customCall, .call(id: callID, name: name, arguments: arguments.text),
            ["call_id": .string(callID), "name": .string(name), "input": .string(input)])
    }

    private static func output(_ fields: FieldReader, _ type: String, _ kind: ResponseItem.IDKind) throws(APIError) -> ResponseItem {
        let callID = try fields.requiredString("call_id")
        let given = try fields.required("output")
        let texts = try ItemContentDecoder.content(fields, "output", isOutput: false).texts
        return try item(fields, type, kind, .output(callID: callID, texts), ["call_id": .string(callID), "output": given])
    }

    private static func reasoning(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let summary = try ItemContentDecoder.texts(fields, "summary", type: "summary_text")
        let content = try ItemContentDecoder.texts(fields, "content", type: "reasoning_text")
        let sealed = try fields.string("encrypted_content").map { sealed throws(APIError) in try open(sealed, fields) }
        let text = content.isEmpty ? sealed ?? summary.joined(separator: "\n") : content.joined(separator: "\n")
        return try item(
            fields, "reasoning", .reasoning, .reasoning(text), ["summary": fields.object["summary"].flatMap(\.nonNull) ?? []], hasStatus: false)
    }

    private static func compaction(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let sealed = try fields.requiredString("encrypted_content")
        return try item(
            fields, "compaction", .compaction, .summary(try open(sealed, fields)), ["encrypted_content": .string(sealed)], hasStatus: false)
    }

    private static func open(_ sealed: String, _ fields: FieldReader) throws(APIError) -> String {
        let path = fields.path(to: "encrypted_content")
        guard let text = SealedText.open(sealed) else {
            throw APIError(
                status: 400, message: "The encrypted content of '\(fields.path)' could not be verified: this server did not make it.",
                param: "\(path)", code: "invalid_encrypted_content")
        }
        return text
    }

    // MARK: What all items have

    private enum Status: String, CaseIterable { case in_progress, completed, incomplete }

    /// Ids are keys of a database.
    private static let maximumIDLength = 64

    private static func item(
        _ fields: FieldReader, _ type: String, _ kind: ResponseItem.IDKind, _ meaning: ResponseItem.Meaning, _ own: JSONObject,
        hasStatus: Bool = true
    ) throws(APIError) -> ResponseItem {
        let given = try fields.string("id") ?? ""
        if given.utf8.count > maximumIDLength {
            throw .stringTooLong(fields.path(to: "id"), maximum: maximumIDLength, got: given.utf8.count)
        }
        let id = given.isEmpty ? ResponseItem.newID(kind) : given
        var object: JSONObject = ["id": .string(id), "type": .string(type)]
        if fields.value("status") != nil {
            object["status"] = .string(try fields.choice("status", as: Status.self).rawValue)
        } else if hasStatus {
            object["status"] = "completed"
        }
        for (key, value) in own { object[key] = value }
        for (key, value) in fields.object where object[key] == nil && !value.isNull { object[key] = value }
        return ResponseItem(id: id, meaning: meaning, json: .object(object))
    }
}

extension JSON {
    fileprivate var nonNull: JSON? { isNull ? JSON?.none : self }
}
