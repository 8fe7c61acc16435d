import ShimmyJSON

/// Arrays, and values of any kind.
extension SchemaCompiler {
    // MARK: Any value

    /// Any JSON value.
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

    /// Elements of one kind between brackets.
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
        var isUnique = false
        for part in flat {
            least = max(least, try part.count("minItems") ?? 0)
            if let count = try part.count("maxItems") { most = min(most ?? count, count) }
            prefix = max(prefix, (part.schema["prefixItems"] ?? part.schema["items"])?.arrayValue?.count ?? 0)
            if part.schema["uniqueItems"] == true { isUnique = true }
        }
        var fixed: [Expression] = []
        for index in 0..<prefix {
            guard let item = try item(flat, at: index) else {
                most = min(most ?? index, index)
                break
            }
            fixed.append(item)
        }
        var rest: Expression?
        if most ?? .max > prefix { rest = try item(flat, at: prefix) }
        if rest == nil { most = min(most ?? prefix, prefix) }
        if let most, most < least { return nil }
        if isUnique, most ?? .max > 1 {
            if prefix == 0, let values = try uniqueValues(flat) { return try permutations(values, least, most) }
            guard let part = flat.first(where: { $0.schema["uniqueItems"] == true }) else { return nil }
            try pass(part.error("uniqueItems", "'uniqueItems' can be enforced where the items are at most \(Self.mostPermuted) listed values"))
        }
        if fixed.isEmpty, let rest { return list("[", rest, least, most, "]") }
        return .sequence([.literal("["), elements(fixed, rest, least, most), .literal("]")])
    }

    /// What an element has to be; nil when there can be none.
    private func item(_ flat: [SchemaPart], at index: Int) throws(SchemaError) -> Expression? {
        var parts: [SchemaPart] = []
        for part in flat {
            let tuple = part.schema["prefixItems"]?.arrayValue != nil ? "prefixItems" : part.schema["items"]?.arrayValue != nil ? "items" : nil
            if let tuple, let found = part.at(tuple, index) {
                parts.append(found)
            } else if let found = part.at(tuple == "items" ? "additionalItems" : "items") {
                parts.append(found)
            }
        }
        return try element(parts)
    }

    /// The rule for a part of a value, which may be anything where no schema speaks of it.
    func element(_ parts: [SchemaPart]) throws(SchemaError) -> Expression? {
        parts.allSatisfy { $0.schema == true || $0.schema.objectValue?.keys.allSatisfy(SchemaKeywords.isAnnotation) ?? false }
            ? try anyValue() : try rule(for: parts)
    }

    /// Elements with schemas of their own, then those of `rest`.
    private func elements(_ fixed: [Expression], _ rest: Expression?, _ least: Int, _ most: Int?) -> Expression {
        var result = Expression.empty
        if let rest {
            result = .repeated(
                .sequence([.literal(", "), rest]), least: max(0, least - fixed.count), most: most.map { max(0, $0 - fixed.count) })
        }
        for (index, element) in fixed.enumerated().reversed() where index < most ?? .max {
            let here = Expression.sequence([.literal(index == 0 ? "" : ", "), element, result])
            result = index < least ? here : .optional(here)
        }
        return result
    }

    // MARK: Unique elements

    static let mostPermuted = 6

    /// The values of elements that are listed, if they are few.
    private func uniqueValues(_ flat: [SchemaPart]) throws(SchemaError) -> [JSON]? {
        let items = flat.compactMap { $0.at("items") }
        guard items.count == 1, let listed = items[0].schema["enum"]?.arrayValue ?? items[0].schema["const"].map({ [$0] }) else {
            return items.count == 1 && items[0].schema["type"] == "boolean" ? [true, false] : nil
        }
        var values: [JSON] = []
        for value in listed where !values.contains(value) { values.append(value) }
        return values.count <= Self.mostPermuted ? values : nil
    }

    /// All lists of different values: a rule for each set of those that are left.
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
