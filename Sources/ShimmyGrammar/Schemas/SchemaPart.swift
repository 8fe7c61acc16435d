import ShimmyJSON

/// A schema, or the rest of one, and its place.
struct SchemaPart: Sendable {
    let schema: JSON
    /// Its place in the client's schema, as a JSON pointer.
    let pointer: String
    /// Tells apart schemas that have the same place: the rest of one, or one that was derived from it.
    let id: String
    /// Whether the compiler made it; it and the schemas in it are not at their pointers in the client's schema.
    let isDerived: Bool

    init(schema: JSON, pointer: String) {
        (self.schema, self.pointer, id, isDerived) = (schema, pointer, pointer, false)
    }

    private init(schema: JSON, pointer: String, id: String, isDerived: Bool) {
        (self.schema, self.pointer, self.id, self.isDerived) = (schema, pointer, id, isDerived)
    }

    func at(_ key: String) -> SchemaPart? { schema[key].map { child($0, Self.escaped(key)) } }

    func at(_ key: String, _ index: Int) -> SchemaPart? { schema[key]?[index].map { child($0, "\(Self.escaped(key))/\(index)") } }

    private func child(_ schema: JSON, _ path: String) -> SchemaPart {
        isDerived
            ? SchemaPart(schema: schema, pointer: pointer, id: "\(id)/\(path)", isDerived: true)
            : SchemaPart(schema: schema, pointer: "\(pointer)/\(path)")
    }

    func without(_ keys: String...) -> SchemaPart {
        guard var object = schema.objectValue, keys.contains(where: { object[$0] != nil }) else { return self }
        var id = id
        for key in keys where object[key] != nil {
            object[key] = nil
            id += "\u{0}-\(key)"
        }
        return SchemaPart(schema: .object(object), pointer: pointer, id: id, isDerived: isDerived)
    }

    /// Another schema that follows from this one.
    ///
    /// - mark: tells it apart from others that follow from this one.
    func derived(_ schema: JSON, _ mark: String) -> SchemaPart {
        SchemaPart(schema: schema, pointer: pointer, id: "\(id)\u{0}\(mark)", isDerived: true)
    }

    /// The value of a keyword; nil where it is null, which some generators write for a keyword without a value.
    func value(_ key: String) -> JSON? {
        guard let value = schema[key], key == "const" || !value.isNull else { return nil }
        return value
    }

    func error(_ key: String, _ reason: String) -> SchemaError {
        SchemaError(isDerived ? pointer : "\(pointer)/\(Self.escaped(key))", reason)
    }

    static func escaped(_ key: String) -> String { key.replacing("~", with: "~0").replacing("/", with: "~1") }
}
