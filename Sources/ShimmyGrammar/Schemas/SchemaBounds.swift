import ShimmyJSON

/// The limits on the size of a client's JSON Schema.
enum SchemaBounds {
    /// The max number of JSON values in the schema, nested ones included.
    private static let parts = 50_000
    private static let depth = 200

    /// Returns the reason why a schema is too large; nil when it is within the limits.
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
