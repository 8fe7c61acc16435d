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
        // Before draft 2019-09, there is no `minContains`.
        let containers = flat.filter { $0.value("contains") != nil && (references.ignoresSiblings || $0.value("minContains") != 0) }
        if let part = flat.first(where: { $0.schema["uniqueItems"] == true }), most ?? .max > 1 {
            if prefix == 0, let values = try uniqueValues(flat) {
                if values.count <= Self.mostPermuted { return try permutations(values, least, most, containers) }
                let isBounded = least > 1 || most ?? .max < values.count || !containers.isEmpty
                if !isBounded, allowsUnordered(values.count) { return try eachOnce(values, least) }
            }
            try pass(
                part.error(
                    "uniqueItems",
                    "'uniqueItems' can be enforced only for items with at most \(Self.mostPermuted) listed values, or "
                        + "\(UnorderedMembers.maximumMembers) in an array without 'contains' and bounds on its length"))
        }
        if let part = containers.first {
            if prefix == 0, let expression = try containing(flat, containers, least, most) { return expression }
            try pass(part.error("contains", "this 'contains' cannot be enforced"))
        }
        let rest = try item(flat, at: prefix)
        if prefix == 0 { return list("[", rest, least, most, "]") }
        return .sequence([.literal("["), try elements(prefix, flat, rest, least, most), .literal("]")])
    }

    /// Whether `unevaluatedItems` forbids elements that no schema applies to.
    private func closesArrays(_ flat: [SchemaPart]) throws(SchemaError) -> Bool {
        let others = flat.filter(\.evaluates)
        let hasNegatedTuples = flat.contains { !$0.evaluates && ($0.schema["prefixItems"] != nil || $0.schema["items"]?.arrayValue != nil) }
        var isClosed = false
        for part in flat where (part.value("unevaluatedItems") ?? true) != true {
            // Another one, inside this one, evaluates all elements.
            if part.seesAll, others.contains(where: { $0.id != part.id && $0.value("unevaluatedItems") != nil }) { continue }
            let isVisible = flat.count == 1 || part.seesAll && !hasNegatedTuples
            let speaksOfAll = (isVisible ? others : [part]).contains {
                $0.schema["items"]?.arrayValue == nil && $0.schema["items"] != nil || $0.schema["additionalItems"] != nil
            }
            if speaksOfAll { continue }
            guard isVisible, part.schema["unevaluatedItems"] == false, !others.contains(where: { $0.schema["contains"] != nil }) else {
                try pass(part.error("unevaluatedItems", "'unevaluatedItems' can be enforced only if it is false and next to 'prefixItems'"))
                continue
            }
            isClosed = true
        }
        return isClosed
    }

    private static let maximumContained = 3
    /// The max length of an array whose length is counted beside `contains`.
    private static let maximumCounted = 64

    /// Returns arrays with at least one element for each `contains`. Nil when the keywords cannot be combined so.
    ///
    /// One rule for each number of elements so far and each set of `contains` that the elements satisfy, as bits, continues the array.
    private func containing(
        _ flat: [SchemaPart], _ containers: [SchemaPart], _ least: Int, _ most: Int?
    ) throws(SchemaError) -> Expression? {
        let contained = containers.compactMap { $0.at("contains") }
        guard contained.count <= Self.maximumContained, max(least, most ?? 0) <= Self.maximumCounted,
            containers.allSatisfy({ ($0.value("minContains") ?? 1) == 1 && $0.value("maxContains") == nil })
        else { return nil }
        let full = 1 << contained.count - 1
        let items = itemSchemas(flat, at: 0)
        let any = try element(items)
        var elements: [Expression] = [any]
        for set in 1...full {
            elements.append(try rule(for: items + contained.indices.filter { set >> $0 & 1 == 1 }.map { contained[$0] }))
        }
        // Without a max, all lengths from the last one on are equal.
        let last = most ?? max(1, least)
        var following: [Expression] = []
        for length in (0...last).reversed() {
            let separator = Expression.literal(length == 0 ? "" : ", ")
            let repeated = Expression.repeated(.sequence([separator, any]), least: 0, most: nil)
            var here = [Expression](repeating: .choice([]), count: full + 1)
            for satisfied in (0...full).reversed() {
                var choices: [Expression] = satisfied == full && length >= least ? [.empty] : []
                let isLoop = most == nil && length == last
                if length < last { choices.append(.sequence([separator, any, following[satisfied]])) }
                for set in 1...full where set & satisfied == 0 && (length < last || isLoop) {
                    let next = satisfied | set
                    choices.append(.sequence([separator, elements[set], isLoop ? here[next] : following[next]]))
                }
                here[satisfied] = try add(isLoop ? .sequence([repeated, .choice(choices)]) : .choice(choices))
            }
            following = here
        }
        return .sequence([.literal("["), following[0], .literal("]")])
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

    /// The max number of values whose lists are written as rules, one for each set of used values.
    private static let mostPermuted = 8

    /// Returns the values of the elements; nil when they cannot be listed.
    private func uniqueValues(_ flat: [SchemaPart]) throws(SchemaError) -> [JSON]? {
        let items = itemSchemas(flat, at: 0)
        guard let listed = try listedValues(items), listed.count <= 100 else { return nil }
        var values: [JSON] = []
        let validator = SchemaValidator(self)
        for value in listed where !values.contains(value) {
            if try validator.accepts(value, all: items) { values.append(value) }
        }
        return values
    }

    /// Returns all lists of different values.
    ///
    /// - least: the min length of the lists, 0 or 1.
    private func eachOnce(_ values: [JSON], _ least: Int) throws(SchemaError) -> Expression {
        var unordered = UnorderedMembers(members: [], others: nil)
        for value in values { unordered.members.append(.init(rule: try newRule(.literal(value.canonicalText)), isRequired: false)) }
        let elements = Expression.unordered(unordered)
        return .sequence([.literal("["), least == 0 ? .optional(elements) : elements, .literal("]")])
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

    /// Returns all lists of different values that satisfy each `contains`, with one rule for each set of used values.
    private func permutations(
        _ values: [JSON], _ least: Int, _ most: Int?, _ containers: [SchemaPart]
    ) throws(SchemaError) -> Expression? {
        let most = min(most ?? values.count, values.count)
        // For each `contains`, the values that fit it, as bits.
        var needed: [Int] = []
        for part in containers where (part.value("minContains") ?? 1) == 1 {
            guard let contained = part.at("contains") else { continue }
            var fitting = 0
            for (index, value) in values.enumerated() where try SchemaValidator(self).accepts(value, contained) { fitting |= 1 << index }
            needed.append(fitting)
        }
        if most < least { return nil }
        var made: [Int: Expression] = [:]
        func rest(_ used: Int) throws(SchemaError) -> Expression {
            if let found = made[used] { return found }
            let count = used.nonzeroBitCount
            var choices: [Expression] = count >= least && needed.allSatisfy { $0 & used != 0 } ? [.empty] : []
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
