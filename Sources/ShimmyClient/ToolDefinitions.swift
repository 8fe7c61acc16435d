import ShimmyCore
package import ShimmyJSON

/// The tools of a conversation, read from a file of JSON: one definition or an array of them, in OpenAI's form with or without the outer
/// `{"type": "function", "function": …}`.
package struct ToolDefinitions: Sendable, Equatable {
    package struct Unreadable: Error, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// The definitions in the form of a chat completion's `tools`.
    package let json: [JSON]

    private static let largestFile = 1 << 20

    package init(_ json: JSON) throws(Unreadable) {
        let all = json.arrayValue ?? [json]
        var tools: [JSON] = []
        for (index, tool) in all.enumerated() {
            let function = tool["function"] ?? tool
            guard let name = function["name"]?.stringValue, !name.isEmpty else {
                throw Unreadable(description: "tool \(index + 1) of the file has no name")
            }
            tools.append(["type": "function", "function": function])
        }
        self.json = tools
    }

    /// Reads a file.
    package init(file: String) throws(Unreadable) {
        guard let bytes = RegularFile.read(file, limit: Self.largestFile) else {
            throw Unreadable(description: "\(file) cannot be read, or has more than \(Self.largestFile) bytes")
        }
        guard let json = try? JSON.parse(bytes) else { throw Unreadable(description: "\(file) is not JSON") }
        try self.init(json)
    }

    /// The name and the description of each tool.
    package static func rows(_ tools: [JSON]) -> [[String]] {
        tools.map { [$0["function"]?["name"]?.stringValue ?? "-", $0["function"]?["description"]?.stringValue ?? ""] }
    }
}
