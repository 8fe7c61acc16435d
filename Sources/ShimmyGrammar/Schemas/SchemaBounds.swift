import ShimmyJSON

/// Bounds the size of a client's JSON Schema before it becomes a grammar.
enum SchemaBounds {
    /// Values of the schema: objects, arrays and what they contain.
    private static let parts = 50_000
    private static let depth = 200

    /// Why a schema is too large; nil when it is not.
    static func obstacle(in schema: JSON) -> String? {
        var open: [(json: JSON, depth: Int)] = [(schema, 0)]
        var count = 0
        while let (json, depth) = open.popLast() {
            count += 1
            if count > parts { return "it has more than \(parts) parts" }
            if depth > Self.depth { return "it is nested deeper than \(Self.depth) levels" }
            if let array = json.arrayValue { open += array.map { ($0, depth + 1) } }
            if let object = json.objectValue { open += object.map { ($0.value, depth + 1) } }
        }
        return nil
    }
}
