import ShimmyJSON

/// A schema, or the remaining keywords of one, and its location.
struct SchemaPart: Sendable {
    let schema: JSON
    /// The location in the client's schema, as a JSON pointer.
    let pointer: String
    /// An identifier that also distinguishes schemas with the same location: the remaining keywords of one, or a schema derived from it.
    let id: String
    /// Whether the compiler built the schema. It and the schemas inside it are then not at their pointers in the client's schema.
    let isDerived: Bool
    /// Whether properties and elements that the schema applies to count as evaluated. Those of a negation do not.
    let evaluates: Bool
    /// Whether all schemas that evaluate the same value are inside this one. Its `unevaluatedProperties` and `unevaluatedItems` then take all of
    /// them into account.
    private(set) var seesAll = false

    init(schema: JSON, pointer: String) {
        (self.schema, self.pointer, id, isDerived, evaluates) = (schema, pointer, pointer, false, true)
    }

    private init(schema: JSON, pointer: String, id: String, isDerived: Bool, evaluates: Bool) {
        (self.schema, self.pointer, self.id, self.isDerived, self.evaluates) = (schema, pointer, id, isDerived, evaluates)
    }

    func at(_ key: String) -> SchemaPart? { schema[key].map { child($0, Self.escaped(key)) } }

    func at(_ key: String, _ index: Int) -> SchemaPart? { schema[key]?[index].map { child($0, "\(Self.escaped(key))/\(index)") } }

    private func child(_ schema: JSON, _ path: String) -> SchemaPart {
        if isDerived { return SchemaPart(schema: schema, pointer: pointer, id: "\(id)/\(path)", isDerived: true, evaluates: evaluates) }
        let child = SchemaPart(schema: schema, pointer: "\(pointer)/\(path)")
        return evaluates ? child : child.unevaluating
    }

    func without(_ keys: String...) -> SchemaPart {
        guard var object = schema.objectValue, keys.contains(where: { object[$0] != nil }) else { return self }
        var id = id
        for key in keys where object[key] != nil {
            object[key] = nil
            id += "\u{0}-\(key)"
        }
        var rest = SchemaPart(schema: .object(object), pointer: pointer, id: id, isDerived: isDerived, evaluates: evaluates)
        rest.seesAll = seesAll
        return rest
    }

    /// The schema without its condition. `then` and `else` have no effect without `if`.
    var withoutCondition: SchemaPart { without("if", "then", "else") }

    /// Returns another schema that is derived from this one.
    ///
    /// - mark: distinguishes it from other schemas derived from this one.
    /// - isNegation: whether the schema describes values that do not fit another one.
    func derived(_ schema: JSON, _ mark: String, isNegation: Bool = false) -> SchemaPart {
        SchemaPart(schema: schema, pointer: pointer, id: "\(id)\u{0}\(mark)", isDerived: true, evaluates: evaluates && !isNegation)
    }

    /// The same schema as a part of a negation.
    var unevaluating: SchemaPart {
        evaluates ? SchemaPart(schema: schema, pointer: pointer, id: "\(id)\u{0}!", isDerived: isDerived, evaluates: false) : self
    }

    /// The same schema as one that contains all others.
    var seeingAll: SchemaPart {
        var copy = self
        copy.seesAll = true
        return copy
    }

    /// Returns the value of a keyword; nil when it is absent or null, which some generators write for a keyword without a value.
    func value(_ key: String) -> JSON? {
        guard let value = schema[key], key == "const" || !value.isNull else { return nil }
        return value
    }

    /// The properties that are required because their own schemas say `required: true`. Draft 3 has this flag, and tools in other drafts use it.
    var flaggedNames: [String] {
        guard let properties = value("properties")?.objectValue else { return [] }
        return properties.filter { $0.value["required"] == true }.map(\.key)
    }

    /// The names of all required properties. Ignores entries of `required` that are not strings.
    var requiredNames: [String] { (value("required")?.arrayValue?.compactMap(\.stringValue) ?? []) + flaggedNames }

    func error(_ key: String, _ reason: String) -> SchemaError {
        SchemaError(isDerived ? pointer : "\(pointer)/\(Self.escaped(key))", reason)
    }

    static func escaped(_ key: String) -> String { key.replacing("~", with: "~0").replacing("/", with: "~1") }
}
