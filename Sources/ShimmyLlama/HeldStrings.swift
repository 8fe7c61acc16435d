import ShimmyChat
import ShimmyJSON

/// Whether calls are held to what their schemas say of strings. Formats that write arguments as tags take any text there; a call that must
/// fit its schema is then written in Shimmy's own form, which is JSON.
enum HeldStrings {
    /// A tool whose one argument says what to look for in a grammar.
    static let probe = Conversation(
        messages: [ChatMessage(.user, "Hi")],
        tools: [
            Tool(
                name: "probe",
                parameters: [
                    "type": "object", "properties": ["text": ["type": "string", "pattern": .string("^\(word)$")]], "required": ["text"],
                ])
        ], toolChoice: ToolChoice(.required))
    private static let word = "shimmy-probe"

    static func areHeld(in grammar: GrammarText?) -> Bool { grammar?.text.contains("\"\(word)\"") ?? false }

    /// Whether a call must fit its schema and could miss it by a string.
    static func areNeeded(by conversation: Conversation) -> Bool {
        guard conversation.toolChoice.mode != .none else { return false }
        let names = conversation.toolChoice.names
        return conversation.tools.contains { tool in
            (conversation.toolChoice.mode == .required || tool.isStrict) && names?.contains(tool.name) ?? true && restrictsStrings(tool)
        }
    }

    private static func restrictsStrings(_ tool: Tool) -> Bool {
        guard let properties = tool.parameters?["properties"]?.objectValue else { return tool.parameters != nil }
        return properties.contains { !isPlainString($0.value) && !isNeverString($0.value) }
    }

    private static func isPlainString(_ schema: JSON) -> Bool {
        schema["type"] == "string"
            && schema.objectValue?.keys.allSatisfy { ["type", "description", "title", "default", "examples"].contains($0) } ?? false
    }

    private static func isNeverString(_ schema: JSON) -> Bool {
        ["integer", "number", "boolean", "object", "array", "null"].contains(schema["type"]?.stringValue)
    }
}
