import ShimmyChat
import ShimmyJSON

/// A decoder of three kinds of items: those of tools with their own item types, those of tools that other servers run, and other items that such
/// servers add to a conversation.
///
/// The server stores all of these items unchanged. The prompt contains those that a chat template can express.
enum ClientToolItems {
    private static let shown = [
        "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output", "mcp_call",
        "tool_search_call", "tool_search_output", "additional_tools",
    ]

    /// The types that no template can express: tools that ran elsewhere, and items that control another server.
    private static let unseen: Set<String> = [
        "file_search_call", "computer_call", "computer_call_output", "web_search_call", "image_generation_call", "code_interpreter_call",
        "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "compaction_trigger", "program", "program_output",
        "configuration_update",
    ]

    static let types = shown + unseen.sorted()

    /// Returns the meaning of an item; nil for a type that this decoder does not know.
    static func meaning(of type: String, _ fields: FieldReader) throws(APIError) -> ResponseItem.Meaning? {
        switch type {
        case "local_shell_call": return try call(fields, .localShell, try arguments(fields, "action", without: "type"))
        case "shell_call": return try call(fields, .shell, try arguments(fields, "action"))
        case "apply_patch_call": return try call(fields, .applyPatch, JSON.object(["operation": try fields.required("operation")]).text)
        case "local_shell_call_output":
            // OpenAI's own field for the call's ID is `id`.
            let (callID, id) = (try fields.string("call_id"), try fields.string("id"))
            guard let call = callID ?? id else { throw .missing(fields.path(to: "call_id")) }
            return .output(callID: call, [.text(try fields.requiredString("output"))])
        case "shell_call_output": return .output(callID: try fields.requiredString("call_id"), try texts(fields).map(ContentPart.text))
        case "apply_patch_call_output":
            let (text, status) = (try fields.string("output"), try fields.string("status"))
            return .output(callID: try fields.requiredString("call_id"), [.text(text ?? status ?? "")])
        case "mcp_call": return try made(fields)
        case "tool_search_call":
            return try isClients(fields) ? call(fields, .toolSearch, (fields.value("arguments") ?? [:]).text) : .unseen
        case "tool_search_output":
            let unseen = try LoadedTools.check(fields)
            guard try isClients(fields) else { return .tools(unseen: unseen) }
            return .output(callID: try fields.requiredString("call_id"), [.text((fields.value("tools") ?? []).text)])
        case "additional_tools": return .tools(unseen: try LoadedTools.check(fields))
        default: return unseen.contains(type) ? .unseen : nil
        }
    }

    private static func call(_ fields: FieldReader, _ kind: CalledTool.Kind, _ arguments: String) throws(APIError) -> ResponseItem.Meaning {
        .call(id: try fields.requiredString("call_id"), name: kind.rawValue, arguments: arguments)
    }

    /// Returns a call that another server made, together with its output.
    private static func made(_ fields: FieldReader) throws(APIError) -> ResponseItem.Meaning {
        let (output, error) = (try fields.string("output"), fields.value("error").map { $0.stringValue ?? $0.text })
        let given = try fields.requiredString("arguments")
        return .made(
            id: try fields.requiredString("id"), name: try fields.requiredString("name"),
            arguments: try CallArguments.read(given, fields.path(to: "arguments")), output: output ?? error ?? "")
    }

    /// Returns whether the client ran the search, rather than the server that the item comes from.
    private static func isClients(_ fields: FieldReader) throws(APIError) -> Bool {
        let (execution, call) = (try fields.string("execution"), try fields.string("call_id"))
        return execution != "server" && call != nil
    }

    private static func arguments(_ fields: FieldReader, _ name: String, without key: String? = nil) throws(APIError) -> String {
        guard var object = try fields.nested(name)?.object else { throw .missing(fields.path(to: name)) }
        if let key { object[key] = nil }
        return JSON.object(object).text
    }

    /// Returns the output of each command of a shell.
    private static func texts(_ fields: FieldReader) throws(APIError) -> [String] {
        let output = try fields.required("output")
        if let text = output.stringValue { return [text] }
        guard let parts = output.arrayValue else { throw .wrongType(fields.path(to: "output"), expected: "an array of objects", got: output) }
        return parts.map(\.text)
    }
}
