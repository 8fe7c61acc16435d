import ShimmyChat
import ShimmyJSON

/// The tools of the Responses API that have their own type and that the client runs, as functions for a model.
enum ClientTools {
    static let shell = Tool(
        name: CalledTool.Kind.shell.rawValue, description: "Runs commands in a shell, one after the other, and returns what each wrote.",
        parameters: object(
            ["commands": ["type": "array", "items": ["type": "string"], "minItems": 1], "timeout_ms": milliseconds], required: ["commands"]))

    static let localShell = Tool(
        name: CalledTool.Kind.localShell.rawValue, description: "Runs a program on the user's machine and returns what it wrote.",
        parameters: object(
            [
                "command": ["type": "array", "items": ["type": "string"], "minItems": 1, "description": "The program and its arguments."],
                "timeout_ms": milliseconds, "working_directory": ["type": "string"],
            ], required: ["command"]))

    static let applyPatch = Tool(
        name: CalledTool.Kind.applyPatch.rawValue, description: "Creates, changes or deletes one file.",
        parameters: object(
            [
                "operation": [
                    "anyOf": [
                        operation("create_file", hasDiff: true), operation("update_file", hasDiff: true), operation("delete_file", hasDiff: false),
                    ]
                ]
            ], required: ["operation"]))

    /// - fields: the fields of the tool, whose schema and description come from the client.
    /// - isRepaired: set to true if the schema had an empty array in place of an empty object, or the reverse.
    static func toolSearch(_ fields: FieldReader, _ isRepaired: inout Bool) throws(APIError) -> Tool {
        let parameters = try ToolDecoder.parameters(fields, &isRepaired)
        return Tool(
            name: CalledTool.Kind.toolSearch.rawValue, description: try fields.string("description") ?? "Searches for tools.",
            parameters: parameters ?? object(["query": ["type": "string"]], required: ["query"]))
    }

    private static let milliseconds: JSON = ["type": "integer", "minimum": 0]

    private static func object(_ properties: JSONObject, required: [String]) -> JSON {
        [
            "type": "object", "properties": .object(properties), "required": .array(required.map(JSON.string)), "additionalProperties": false,
        ]
    }

    private static func operation(_ type: String, hasDiff: Bool) -> JSON {
        var properties: JSONObject = ["type": ["const": .string(type)], "path": ["type": "string"]]
        if hasDiff { properties["diff"] = ["type": "string", "description": "In V4A format: lines that begin with a space, - or +."] }
        return object(properties, required: properties.map(\.key))
    }
}
