package import ShimmyJSON

/// The encoder of stored chat completions, in OpenAI's format.
package enum StoredChatEncoder {
    /// - object: the completion as the client received it.
    package static func completion(_ object: JSON, metadata: JSON) -> JSON {
        guard var members = object.objectValue else { return object }
        members["metadata"] = metadata
        return .object(members)
    }

    /// Returns a request's message as it is stored and listed: with an ID, and with `content` as one text, even if the request had it in parts.
    package static func message(_ message: JSON, id: String) -> JSON {
        let content = message["content"] ?? .null
        let texts = content.arrayValue?.compactMap { $0["text"]?.stringValue ?? $0["refusal"]?.stringValue }
        var object: JSONObject = [
            "id": .string(id), "role": message["role"] ?? .null, "content": texts.map { .string($0.joined(separator: "\n")) } ?? content,
            "refusal": .null, "name": .null, "content_parts": texts == nil ? .null : content,
        ]
        for (key, value) in message.objectValue ?? [:] where key != "content" && key != "id" { object[key] = value }
        return .object(object)
    }

    package static func deleted(_ id: String) -> JSON { ["object": "chat.completion.deleted", "id": .string(id), "deleted": true] }
}
