import ShimmyChat
import ShimmyJSON

/// The tools that items of a conversation add: results of a tool search, and tools added in the course of the conversation.
enum LoadedTools {
    fileprivate static let types: Set<String> = ["tool_search_output", "additional_tools"]

    /// Returns the path, relative to the item, of the first tool that this server cannot offer, such as `.tools[1]`; nil if there is none.
    ///
    /// Throws a 400 for a malformed tool.
    static func check(_ fields: FieldReader) throws(APIError) -> String? {
        var decoder = ToolDecoder()
        try decoder.load(fields)
        guard let first = decoder.ignored.names.first else { return nil }
        return String(first.dropFirst("\(fields.path)".count))
    }

    /// Adds the tools of items to those of a request. A tool whose name is already known counts as the same tool.
    ///
    /// - mayCall: whether the request allows calls if there are tools.
    static func add(
        _ items: [ResponseItem], to conversation: inout Conversation, _ dialect: inout CallDialect, mayCall: Bool
    ) throws(APIError) {
        let bringing = items.filter(\.hasTools)
        if bringing.isEmpty { return }
        var decoder = ToolDecoder(conversation.tools, dialect)
        for item in bringing { try decoder.load(try FieldReader(item.json, path: .key("input"))) }
        if mayCall, conversation.tools.isEmpty, !decoder.tools.isEmpty { conversation.toolChoice = ToolChoice(.auto) }
        (conversation.tools, dialect) = (decoder.tools, decoder.dialect)
        conversation.noteRepairs(decoder.hasRepairs)
    }
}

extension ResponseItem {
    /// Whether the item adds tools to the conversation.
    package var hasTools: Bool { json["type"]?.stringValue.map(LoadedTools.types.contains) ?? false }
}
