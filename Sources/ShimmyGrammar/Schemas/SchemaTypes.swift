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

    // MARK: Telling alternatives apart

    /// Whether it is certain that no value fits both sets of schemas.
    static func areDisjoint(_ left: [SchemaPart], _ right: [SchemaPart]) -> Bool { areDisjoint(left, right, depth: 0) }

    private static func areDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], depth: Int) -> Bool {
        if depth > 4 { return false }
        if let (first, second) = both(left, right, values), !first.contains(where: second.contains) { return true }
        let kinds = kinds(left).intersection(kinds(right))
        if kinds.isEmpty { return true }
        guard kinds == [.object] else { return areRangesDisjoint(left, right, kinds) || areLengthsDisjoint(left, right, kinds) }
        return required(left).union(required(right)).contains { name in
            let (first, second) = (properties(left, name), properties(right, name))
            if required(left).contains(name), isClosed(right, name) || second.contains(where: { $0.schema == false }) { return true }
            if required(right).contains(name), isClosed(left, name) || first.contains(where: { $0.schema == false }) { return true }
            guard required(left).contains(name), required(right).contains(name), !first.isEmpty, !second.isEmpty else { return false }
            return areDisjoint(first, second, depth: depth + 1)
        }
    }

    private static func both<Value>(_ left: [SchemaPart], _ right: [SchemaPart], _ find: ([SchemaPart]) -> Value?) -> (Value, Value)? {
        guard let first = find(left), let second = find(right) else { return nil }
        return (first, second)
    }

    private static func values(_ parts: [SchemaPart]) -> [JSON]? {
        parts.lazy.compactMap { $0.value("const").map { [$0] } ?? $0.schema["enum"]?.arrayValue }.first
    }

    private static func required(_ parts: [SchemaPart]) -> Set<String> {
        Set(parts.flatMap { $0.schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [] })
    }

    private static func properties(_ parts: [SchemaPart], _ name: String) -> [SchemaPart] {
        parts.compactMap { $0.at("properties")?.at(name) }
    }

    /// Whether the schemas forbid a property of the given name.
    private static func isClosed(_ parts: [SchemaPart], _ name: String) -> Bool {
        parts.contains {
            $0.schema["additionalProperties"] == false && $0.schema["patternProperties"] == nil && $0.schema["properties"]?[name] == nil
        }
    }

    /// Whether strings or arrays have lengths that do not overlap.
    private static func areLengthsDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ kinds: Set<Kind>) -> Bool {
        guard kinds == [.string] || kinds == [.array] else { return false }
        let suffix = kinds == [.string] ? "Length" : "Items"
        func bound(_ parts: [SchemaPart], _ key: String) -> Double? { parts.lazy.compactMap { $0.schema[key]?.doubleValue }.first }
        func isBelow(_ first: [SchemaPart], _ second: [SchemaPart]) -> Bool {
            guard let high = bound(first, "max" + suffix), let low = bound(second, "min" + suffix) else { return false }
            return high < low
        }
        return isBelow(left, right) || isBelow(right, left)
    }

    /// Whether numbers have ranges that do not overlap.
    private static func areRangesDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ kinds: Set<Kind>) -> Bool {
        guard kinds.isSubset(of: [.integer, .number]) else { return false }
        func bound(_ parts: [SchemaPart], _ key: String) -> Double? { parts.lazy.compactMap { $0.schema[key]?.doubleValue }.first }
        func isBelow(_ first: [SchemaPart], _ second: [SchemaPart]) -> Bool {
            guard let high = bound(first, "exclusiveMaximum") ?? bound(first, "maximum"),
                let low = bound(second, "exclusiveMinimum") ?? bound(second, "minimum")
            else { return false }
            let isExclusive = bound(first, "exclusiveMaximum") != nil || bound(second, "exclusiveMinimum") != nil
            return isExclusive ? high <= low : high < low
        }
        return isBelow(left, right) || isBelow(right, left)
    }
}
