package import ShimmyJSON

/// A call of a tool in an answer.
package struct ToolCall: Sendable, Equatable {
    package var id: String
    package var name: String
    /// The arguments as JSON text.
    package var arguments: String

    package init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    package var json: JSON {
        ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
    }

    package init?(_ json: JSON) {
        guard let id = json["id"]?.stringValue, let name = json["function"]?["name"]?.stringValue,
            let arguments = json["function"]?["arguments"]?.stringValue
        else { return nil }
        self.init(id: id, name: name, arguments: arguments)
    }

    /// Adds a part of a streamed call to the calls so far.
    package static func add(_ part: JSON, to calls: inout [ToolCall]) {
        if let id = part["id"]?.stringValue { calls.append(ToolCall(id: id, name: part["function"]?["name"]?.stringValue ?? "", arguments: "")) }
        guard !calls.isEmpty, let arguments = part["function"]?["arguments"]?.stringValue else { return }
        calls[calls.count - 1].arguments += arguments
    }
}
