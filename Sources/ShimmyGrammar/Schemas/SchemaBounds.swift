import ShimmyJSON

/// The limits on the size of a client's JSON Schema.
enum SchemaBounds {
    /// The max number of JSON values in the schema, nested ones included.
    private static let parts = 50_000
    private static let depth = 200
    /// The max size of the JSON pointers of all values together, in bytes. The compiler keeps the pointer of each schema.
    private static let pointerBytes = 16 << 20

    /// Returns the reason why a schema is too large; nil when it is within the limits.
    static func obstacle(in schema: JSON) -> String? {
        var open: [(json: JSON, depth: Int, pointer: Int)] = [(schema, 0, 0)]
        var (count, pointers) = (0, 0)
        while let (json, depth, pointer) = open.popLast() {
            count += 1
            pointers += pointer
            if count > parts { return "it has more than \(parts) parts" }
            if depth > Self.depth { return "it is nested deeper than \(Self.depth) levels" }
            if pointers > pointerBytes { return "its keys are so long that the JSON pointers of its parts take more than \(pointerBytes >> 20) MiB" }
            if let array = json.arrayValue { open += array.map { ($0, depth + 1, pointer + 6) } }
            if let object = json.objectValue { open += object.map { ($0.value, depth + 1, pointer + $0.key.utf8.count + 1) } }
        }
        return nil
    }
}
