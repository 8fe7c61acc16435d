import ShimmyJSON

/// The types of values that schemas allow.
enum SchemaTypes {
    enum Kind: String, CaseIterable {
        case object, array, string, integer, number, boolean, null
    }

    private static let all: Set<Kind> = Set(Kind.allCases)

    /// Returns the types that a schema allows. An integer is also a number: `number` includes `integer`.
    static func of(_ part: SchemaPart) throws(SchemaError) -> Set<Kind> {
        guard let type = part.value("type") else { return all }
        var kinds: Set<Kind> = []
        for name in type.arrayValue ?? [type] {
            // In draft 3, `any` allows all types.
            if name == "any" { return all }
            guard let kind = name.stringValue.flatMap(Kind.init) else { throw part.error("type", "'\(name.text.prefix(80))' is not a type") }
            kinds.insert(kind)
            if kind == .number { kinds.insert(.integer) }
        }
        if part.schema["nullable"] == true { kinds.insert(.null) }
        return kinds
    }

    /// Returns the types that the keywords of a schema are about; empty for a schema without such keywords.
    static func described(by part: SchemaPart) -> Set<Kind> {
        guard let object = part.schema.objectValue else { return [] }
        var kinds: Set<Kind> = []
        for (key, value) in object where !value.isNull {
            // The flag of draft 3 says nothing about the property's own type.
            if key == "required", value.boolValue != nil { continue }
            if let kind = SchemaKeywords.subjects[key] { kinds.insert(kind) }
        }
        if kinds.contains(.number) { kinds.insert(.integer) }
        if !kinds.isEmpty, object["nullable"] == true { kinds.insert(.null) }
        return kinds
    }

    /// Returns the types that all sets allow, without `integer` where `number` includes it.
    static func allowed(by sets: [Set<Kind>]) -> [Kind] {
        let common = sets.reduce(all) { $0.intersection($1) }
        return Kind.allCases.filter { common.contains($0) && !($0 == .integer && common.contains(.number)) }
    }

    static func kind(of value: JSON) -> Kind {
        switch value {
        case .null: .null
        case .bool: .boolean
        case .number(let number): number.isInteger ? .integer : .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Returns the types that all of the schemas allow, as far as `type`, `const`, `enum` and the keyword for fractions say.
    static func kinds(_ parts: [SchemaPart]) -> Set<Kind> {
        parts.reduce(all) { kinds, part in
            var own = part.schema == false ? [] : (try? of(part)) ?? all
            if let values = part.value("const").map({ [$0] }) ?? part.schema["enum"]?.arrayValue { own.formIntersection(values.map(kind)) }
            if part.schema[SchemaKeywords.fraction] != nil { own.remove(.integer) }
            return kinds.intersection(own)
        }
    }
}
