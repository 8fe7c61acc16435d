import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of items, in the form that clients send and in the form that the server stores. It keeps keys that have no meaning to the server.
enum ResponseItemDecoder {
    /// Returns the items of `input`, which is a text or an array of items; nil if the field is absent.
    static func input(_ fields: FieldReader) throws(APIError) -> [InputItem]? {
        guard let value = fields.value("input") else { return nil }
        if let text = value.stringValue { return [.text(text)] }
        return try items(value, fields, "input")
    }

    /// Returns the items of an array with another name, such as a conversation's `items`; nil if the field is absent.
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

    /// Returns whether an item is a reference. An item without a type is a message if it has a role, and otherwise a reference to another item.
    private static func isReference(_ item: FieldReader) throws(APIError) -> Bool {
        if let type = try item.string("type") { return type == "item_reference" }
        return item.value("role") == nil && item.value("id") != nil
    }

    // MARK: Items

    private static let types =
        [
            "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning", "compaction",
            "item_reference",
        ] + ClientToolItems.types
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
        default:
            guard let meaning = try ClientToolItems.meaning(of: type, fields) else {
                throw .invalidValue(fields.path(to: "type"), type, supported: types)
            }
            return try kept(fields, meaning)
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
        let content = try ItemContentDecoder.content(fields, "content", isOutput: role == .assistant, media: role == .user ? fields.media : .none)
        return try item(
            fields, "message", .message, .message(role.inConversation, content.contents),
            ["role": .string(role.rawValue), "content": .array(content.parts)])
    }

    private static func functionCall(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let (callID, name) = (try fields.requiredString("call_id"), try fields.requiredString("name"))
        let inModel = CalledTool.nameForModel(name, in: try fields.string("namespace"))
        let given = try fields.requiredString("arguments")
        let arguments = try CallArguments.read(given, fields.path(to: "arguments"))
        return try item(
            fields, "function_call", .functionCall, .call(id: callID, name: inModel, arguments: arguments),
            ["call_id": .string(callID), "name": .string(name), "arguments": .string(given)])
    }

    private static func customCall(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let (callID, name) = (try fields.requiredString("call_id"), try fields.requiredString("name"))
        let inModel = CalledTool.nameForModel(name, in: try fields.string("namespace"))
        let input = try fields.requiredString("input")
        let arguments: JSON = [CallDialect.inputName: .string(input)]
        return try item(
            fields, "custom_tool_call", .customCall, .call(id: callID, name: inModel, arguments: arguments.text),
            ["call_id": .string(callID), "name": .string(name), "input": .string(input)])
    }

    private static func output(_ fields: FieldReader, _ type: String, _ kind: ResponseItem.IDKind) throws(APIError) -> ResponseItem {
        let callID = try fields.requiredString("call_id")
        let given = try fields.required("output")
        let media = fields.media.intersection(.image)
        let contents = try ItemContentDecoder.content(fields, "output", isOutput: false, isResult: true, media: media).contents
        return try item(fields, type, kind, .output(callID: callID, contents), ["call_id": .string(callID), "output": given])
    }

    private static func reasoning(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let summary = try ItemContentDecoder.texts(fields, "summary", type: "summary_text")
        let content = try ItemContentDecoder.texts(fields, "content", type: "reasoning_text")
        // The item keeps text that another server sealed, but the prompt can use only its summary.
        let sealed = try fields.string("encrypted_content").flatMap(SealedText.open)
        let text = content.isEmpty ? sealed ?? summary.joined(separator: "\n") : content.joined(separator: "\n")
        return try item(
            fields, "reasoning", .reasoning, .reasoning(text), ["summary": fields.object["summary"].flatMap(\.nonNull) ?? []], hasStatus: false)
    }

    private static func compaction(_ fields: FieldReader) throws(APIError) -> ResponseItem {
        let sealed = try fields.requiredString("encrypted_content")
        let meaning = SealedText.open(sealed).map(ResponseItem.Meaning.summary) ?? .unseen
        return try item(fields, "compaction", .compaction, meaning, ["encrypted_content": .string(sealed)], hasStatus: false)
    }

    // MARK: Members of all items

    private enum Status: String, CaseIterable { case in_progress, completed, incomplete }

    /// The max length of an ID in bytes. IDs are database keys.
    private static let maximumIDLength = 64

    private static func id(_ fields: FieldReader) throws(APIError) -> String? {
        let given = try fields.string("id") ?? ""
        if given.utf8.count > maximumIDLength {
            throw .stringTooLong(fields.path(to: "id"), maximum: maximumIDLength, got: given.utf8.count)
        }
        return given.isEmpty ? nil : given
    }

    /// Returns an item with its members unchanged, and with an ID.
    private static func kept(_ fields: FieldReader, _ meaning: ResponseItem.Meaning) throws(APIError) -> ResponseItem {
        let id = try id(fields) ?? ResponseItem.newID(.other)
        var object: JSONObject = ["id": .string(id)]
        for (key, value) in fields.object where key != "id" { object[key] = value }
        return ResponseItem(id: id, meaning: meaning, json: .object(object))
    }

    private static func item(
        _ fields: FieldReader, _ type: String, _ kind: ResponseItem.IDKind, _ meaning: ResponseItem.Meaning, _ own: JSONObject,
        hasStatus: Bool = true
    ) throws(APIError) -> ResponseItem {
        let id = try id(fields) ?? ResponseItem.newID(kind)
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
