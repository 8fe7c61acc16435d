package import ShimmyChat
import ShimmyJSON

/// Tools that items of a conversation bring along: what a search for tools found, and what was added on the way.
package enum LoadedTools {
    static let types: Set<String> = ["tool_search_output", "additional_tools"]

    /// The first of an item's tools that this server cannot offer, such as `.tools[1]`.
    ///
    /// Throws a 400 for a tool that is malformed.
    static func check(_ fields: FieldReader) throws(APIError) -> String? {
        var decoder = ToolDecoder()
        try decoder.load(fields)
        guard let first = decoder.ignored.names.first else { return nil }
        return String(first.dropFirst("\(fields.path)".count))
    }

    /// Adds the tools of items to those of a request. A name that is known already is the same tool.
    ///
    /// - mayCall: whether the request allows calls, if there is something to be called.
    static func add(
        _ items: [ResponseItem], to conversation: inout Conversation, _ dialect: inout CallDialect, mayCall: Bool
    ) throws(APIError) {
        let bringing = items.filter { $0.json["type"]?.stringValue.map(types.contains) ?? false }
        if bringing.isEmpty { return }
        var decoder = ToolDecoder(conversation.tools, dialect)
        for item in bringing { try decoder.load(try FieldReader(item.json, path: .key("input"))) }
        if mayCall, conversation.tools.isEmpty, !decoder.tools.isEmpty { conversation.toolChoice = ToolChoice(.auto) }
        (conversation.tools, dialect) = (decoder.tools, decoder.dialect)
    }
}

extension ResponseRequest {
    /// Takes the tools that the items of its conversation bring. Throws a 400 when they are too many.
    package mutating func takeTools(of items: [ResponseItem]) throws(APIError) {
        try LoadedTools.add(items, to: &chat.conversation, &dialect, mayCall: echo["tool_choice"] != "none")
    }
}
