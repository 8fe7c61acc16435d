import ShimmyJSON

/// Arrays, and values of any type.
extension SchemaCompiler {
    // MARK: Any value

    /// Returns the rule for any JSON value.
    func anyValue() throws(SchemaError) -> Expression {
        if let found = sharedRule("value") { return found }
        let value = try reserve("value")
        let string = quoted(.repeated(try character(), least: 0, most: nil))
        let member = Expression.sequence([string, .literal(": "), value])
        try define(
            "value",
            .choice([
                list("{", member, 0, nil, "}"), list("[", value, 0, nil, "]"), string, try numbers([], isInteger: false) ?? .empty,
                .literal("true"), .literal("false"), .literal("null"),
            ]))
        return value
    }

    /// Returns a list of `least` to `most` elements between brackets, each of which fits `element`. A nil `most` means unbounded.
    private func list(_ open: String, _ element: Expression, _ least: Int, _ most: Int?, _ close: String) -> Expression {
        if most == 0 { return .literal(open + close) }
        let rest = Expression.repeated(
            .sequence([.literal(", "), element]), least: max(0, least - 1), most: most.map { $0 - 1 })
        let elements = Expression.sequence([element, rest])
        return .sequence([.literal(open), least == 0 ? .optional(elements) : elements, .literal(close)])
    }

    // MARK: Arrays

    func arrays(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var (least, most): (Int, Int?) = (0, nil)
        var prefix = 0
        for part in flat {
            least = max(least, try part.count("minItems") ?? 0)
            if let count = try part.count("maxItems") { most = min(most ?? count, count) }
            prefix = max(prefix, (part.schema["prefixItems"] ?? part.schema["items"])?.arrayValue?.count ?? 0)
        }
        if try closesArrays(flat) { most = min(most ?? prefix, prefix) }
        if let most, most < least { return nil }
        if let part = flat.first(where: { $0.schema["uniqueItems"] == true }), most ?? .max > 1 {
            if prefix == 0, let values = try uniqueValues(flat) { return try permutations(values, least, most) }
            try pass(part.error("uniqueItems", "'uniqueItems' can be enforced only for items with at most \(Self.mostPermuted) listed values"))
        }
        if let part = flat.first(where: { $0.schema["contains"] != nil }) {
            if let expression = try containing(flat, part, least, most, prefix) { return expression }
            try pass(part.error("contains", "this 'contains' cannot be enforced"))
        }
        let rest = try item(flat, at: prefix)
        if prefix == 0 { return list("[", rest, least, most, "]") }
        return .sequence([.literal("["), try elements(prefix, flat, rest, least, most), .literal("]")])
    }

    /// Whether `unevaluatedItems` forbids elements that no schema applies to.
    private func closesArrays(_ flat: [SchemaPart]) throws(SchemaError) -> Bool {
        guard let part = flat.first(where: { ($0.value("unevaluatedItems") ?? true) != true }) else { return false }
        let speaksOfAll = flat.contains { $0.schema["items"]?.arrayValue == nil && $0.schema["items"] != nil || $0.schema["additionalItems"] != nil }
        if speaksOfAll { return false }
        if flat.count > 1 || part.schema["unevaluatedItems"] != false || part.schema["contains"] != nil {
            try pass(part.error("unevaluatedItems", "'unevaluatedItems' can be enforced only if it is false and next to 'prefixItems'"))
            return false
        }
        return true
    }

    /// Returns arrays with at least one element that fits `contains`: any elements, that element, any elements. Nil when the keywords cannot be
    /// combined so.
    private func containing(
        _ flat: [SchemaPart], _ part: SchemaPart, _ least: Int, _ most: Int?, _ prefix: Int
    ) throws(SchemaError) -> Expression? {
        guard prefix == 0, least <= 1, most ?? .max > 0, let contained = part.at("contains"),
            flat.allSatisfy({ $0.id == part.id || $0.schema["contains"] == nil }),
            (part.value("minContains") ?? 1) == 1, part.value("maxContains") == nil
        else { return nil }
        let any = try item(flat, at: 0)
        let one = try rule(for: itemSchemas(flat, at: 0) + [contained])
        guard let most else {
            let before = Expression.repeated(.sequence([any, .literal(", ")]), least: 0, most: nil)
            return .sequence([.literal("["), before, one, .repeated(.sequence([.literal(", "), any]), least: 0, most: nil), .literal("]")])
        }
        return most == 1 ? .sequence([.literal("["), one, .literal("]")]) : nil
    }

    private func itemSchemas(_ flat: [SchemaPart], at index: Int) -> [SchemaPart] { flat.compactMap { itemSchema($0, at: index) } }

    /// Returns the schema of the element at `index`; nil when there is none.
    func itemSchema(_ part: SchemaPart, at index: Int) -> SchemaPart? {
        let tuple = part.schema["prefixItems"]?.arrayValue != nil ? "prefixItems" : part.schema["items"]?.arrayValue != nil ? "items" : nil
        if let tuple, let found = part.at(tuple, index) { return found }
        let rest = tuple == "items" ? "additionalItems" : "items"
        return part.value(rest) == nil ? nil : part.at(rest)
    }

    private func item(_ flat: [SchemaPart], at index: Int) throws(SchemaError) -> Expression { try element(itemSchemas(flat, at: index)) }

    /// Returns the rule for a part of a value; any value fits where no schema applies.
    func element(_ parts: [SchemaPart]) throws(SchemaError) -> Expression {
        parts.allSatisfy { $0.schema == true || $0.schema.objectValue?.keys.allSatisfy(SchemaKeywords.isAnnotation) ?? false }
            ? try anyValue() : try rule(for: parts)
    }

    /// Returns the elements that have their own schemas, followed by elements of `rest`. Each index gets its own rule, built from the last index on.
    private func elements(
        _ count: Int, _ flat: [SchemaPart], _ rest: Expression, _ least: Int, _ most: Int?
    ) throws(SchemaError) -> Expression {
        var result = Expression.repeated(
            .sequence([.literal(", "), rest]), least: max(0, least - count), most: most.map { max(0, $0 - count) })
        for index in (0..<count).reversed() where index < most ?? .max {
            if index.isMultiple(of: 64) { try check(flat[0].pointer) }
            let here = Expression.sequence([.literal(index == 0 ? "" : ", "), try item(flat, at: index), result])
            result = try add(index < least ? here : .optional(here))
        }
        return result
    }

    // MARK: Unique elements

    static let mostPermuted = 8

    /// Returns the values of the elements; nil when they cannot be listed or there are more than `mostPermuted`.
    private func uniqueValues(_ flat: [SchemaPart]) throws(SchemaError) -> [JSON]? {
        let items = itemSchemas(flat, at: 0)
        guard let listed = try listedValues(items), listed.count <= 100 else { return nil }
        var values: [JSON] = []
        let validator = SchemaValidator(self)
        for value in listed where !values.contains(value) {
            if try validator.accepts(value, all: items) { values.append(value) }
        }
        return values.count <= Self.mostPermuted ? values : nil
    }

    /// Returns a list with all values that fit the schemas, and perhaps others; nil when the schemas do not list their values.
    func listedValues(_ parts: [SchemaPart], depth: Int = 0) throws(SchemaError) -> [JSON]? {
        guard let flat = try flattened(parts) else { return [] }
        for part in flat {
            if let value = part.value("const") { return [value] }
            if let values = part.schema["enum"]?.arrayValue { return values }
        }
        if SchemaTypes.kinds(flat).isSubset(of: [.boolean, .null]) { return [true, false, .null] }
        if depth == 2 { return nil }
        for part in flat {
            for key in ["anyOf", "oneOf"] { if let values = try listedValues(ofMembers: part, key, depth) { return values } }
        }
        return nil
    }

    private func listedValues(ofMembers part: SchemaPart, _ key: String, _ depth: Int) throws(SchemaError) -> [JSON]? {
        guard let count = part.schema[key]?.arrayValue?.count, count <= 16 else { return nil }
        var values: [JSON] = []
        for index in 0..<count {
            try check(part.pointer)
            guard let member = part.at(key, index), let found = try listedValues([member], depth: depth + 1) else { return nil }
            values += found
            if values.count > 1000 { return nil }
        }
        return values
    }

    /// Returns all lists of different values, with one rule for each set of used values.
    private func permutations(_ values: [JSON], _ least: Int, _ most: Int?) throws(SchemaError) -> Expression? {
        let most = min(most ?? values.count, values.count)
        if most < least { return nil }
        var made: [Int: Expression] = [:]
        func rest(_ used: Int) throws(SchemaError) -> Expression {
            if let found = made[used] { return found }
            let count = used.nonzeroBitCount
            var choices: [Expression] = count >= least ? [.empty] : []
            if count < most {
                for (index, value) in values.enumerated() where used >> index & 1 == 0 {
                    choices.append(.sequence([.literal((count == 0 ? "" : ", ") + value.canonicalText), try rest(used | 1 << index)]))
                }
            }
            let rule = try add(.choice(choices))
            made[used] = rule
            return rule
        }
        return .sequence([.literal("["), try rest(0), .literal("]")])
    }
}
