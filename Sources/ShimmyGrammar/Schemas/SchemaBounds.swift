import ShimmyJSON

/// Bounds a client's JSON Schema before it becomes a grammar.
///
/// The numbers are OpenAI's for strict schemas, but for optional properties, which OpenAI does not allow there at all.
struct SchemaBounds {
    private static let values = 1000
    private static let parts = 5000
    private static let optional = 200

    private var valuesLeft = values
    private var partsLeft = parts

    /// Why a schema is too large; nil when it is not.
    static func obstacle(in schema: JSON) -> String? {
        var bounds = SchemaBounds()
        return bounds.check(schema)
    }

    private mutating func check(_ json: JSON) -> String? {
        partsLeft -= 1
        if partsLeft < 0 { return "it has more than \(Self.parts) parts" }
        if let array = json.arrayValue { return firstObstacle(array) }
        guard let object = json.objectValue else { return nil }
        if let values = object["enum"]?.arrayValue {
            valuesLeft -= values.count
            if valuesLeft < 0 { return "it has more than \(Self.values) values in 'enum'" }
        }
        if let properties = object["properties"]?.objectValue {
            let required = object["required"]?.arrayValue?.count ?? 0
            if properties.count - required > Self.optional { return "an object has more than \(Self.optional) properties that are not required" }
        }
        return firstObstacle(object.map(\.value))
    }

    private mutating func firstObstacle(_ parts: [JSON]) -> String? {
        for part in parts {
            if let obstacle = check(part) { return obstacle }
        }
        return nil
    }
}
