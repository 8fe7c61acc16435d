import ShimmyJSON

/// Decides whether sets of schemas exclude each other.
struct SchemaDisjointness {
    /// A set of schemas that a value must fit at the same time, with the facts that each comparison needs.
    struct Side {
        /// The schemas, which are flat (`SchemaCompiler.flattened`).
        let parts: [SchemaPart]
        let kinds: Set<SchemaTypes.Kind>
        /// The values that all of the schemas with a list contain and none excludes; nil if none of them lists values.
        let values: [JSON]?
        let excluded: [JSON]
        /// The names of the required properties; empty if no object fits.
        let required: Set<String>

        init(_ parts: [SchemaPart], _ compiler: SchemaCompiler) {
            self.parts = parts
            kinds = SchemaTypes.kinds(parts)
            excluded = compiler.excluded(parts)
            values = Self.values(parts, excluded)
            required = kinds.contains(.object) ? Set(parts.flatMap(\.requiredNames)) : []
        }

        private static func values(_ parts: [SchemaPart], _ excluded: [JSON]) -> [JSON]? {
            let lists = parts.compactMap { $0.value("const").map { [$0] } ?? $0.schema["enum"]?.arrayValue }.sorted { $0.count < $1.count }
            guard let shortest = lists.first else { return nil }
            return shortest.filter { value in lists.dropFirst().allSatisfy { $0.contains(value) } && !excluded.contains(value) }
        }
    }

    private static let maximumDepth = 4
    /// The max number of pairs of sets that one call compares, because references can lead to the same properties again and again.
    private static let maximumComparisons = 1000
    /// The max number of elements of arrays that are compared.
    private static let maximumElements = 4

    private let compiler: SchemaCompiler
    private var comparisons = 0

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    /// Whether it is certain that no value fits both sets of schemas.
    ///
    /// - isSeparate: whether the schemas of one set are not inside those of the other, so that they do not evaluate its properties.
    static func areDisjoint(
        _ left: Side, _ right: Side, _ compiler: SchemaCompiler, isSeparate: Bool = true
    ) throws(SchemaError) -> Bool {
        var comparison = SchemaDisjointness(compiler)
        return try comparison.areDisjoint(left, right, isSeparate, depth: 0)
    }

    private mutating func areDisjoint(_ left: Side, _ right: Side, _ isSeparate: Bool, depth: Int) throws(SchemaError) -> Bool {
        comparisons += 1
        if depth > Self.maximumDepth || comparisons > Self.maximumComparisons { return false }
        if let first = left.values, let second = right.values, !first.contains(where: second.contains) { return true }
        if let values = left.values, values.allSatisfy(right.excluded.contains) { return true }
        if let values = right.values, values.allSatisfy(left.excluded.contains) { return true }
        let kinds = left.kinds.intersection(right.kinds)
        if kinds.isEmpty { return true }
        if kinds == [.object] { return try areObjectsDisjoint(left, right, isSeparate, depth) }
        if kinds == [.array], try areElementsDisjoint(left, right, depth) { return true }
        return areRangesDisjoint(left.parts, right.parts, kinds) || areLengthsDisjoint(left.parts, right.parts, kinds)
    }

    /// Whether no value fits both lists of schemas, which belong to the same part of a value.
    private mutating func areDisjoint(parts left: [SchemaPart], _ right: [SchemaPart], depth: Int) throws(SchemaError) -> Bool {
        if left.isEmpty || right.isEmpty { return false }
        guard let first = try compiler.flattened(left), let second = try compiler.flattened(right) else { return true }
        return try areDisjoint(Side(first, compiler), Side(second, compiler), true, depth: depth)
    }

    // MARK: Objects

    private mutating func areObjectsDisjoint(_ left: Side, _ right: Side, _ isSeparate: Bool, _ depth: Int) throws(SchemaError) -> Bool {
        let names = left.required.union(right.required).sorted()
        let all = left.parts + right.parts
        if areCountsDisjoint(all, required: names.count) { return true }
        for name in names {
            if left.required.contains(name), try forbids(name, right, beside: left, isSeparate) { return true }
            if right.required.contains(name), try forbids(name, left, beside: right, isSeparate) { return true }
        }
        // A property that one side requires must fit the schemas of both.
        for name in names where try areDisjoint(parts: properties(left.parts, name), properties(right.parts, name), depth: depth + 1) { return true }
        guard names.isEmpty, all.contains(where: { $0.schema["minProperties"]?.intValue ?? 0 > 0 }) else { return false }
        return try haveNoCommonKey(all)
    }

    private func properties(_ parts: [SchemaPart], _ name: String) -> [SchemaPart] {
        parts.compactMap { $0.at("properties")?.at(name) }
    }

    /// Whether no number of properties fits all of the schemas, which require `required` properties by name.
    private func areCountsDisjoint(_ parts: [SchemaPart], required: Int) -> Bool {
        guard let most = parts.compactMap({ $0.schema["maxProperties"]?.intValue }).min() else { return false }
        return most < max(required, parts.compactMap { $0.schema["minProperties"]?.intValue }.max() ?? 0)
    }

    /// Whether the schemas of one side forbid a property of the given name.
    private func forbids(_ name: String, _ side: Side, beside other: Side, _ isSeparate: Bool) throws(SchemaError) -> Bool {
        for part in side.parts {
            if let property = part.schema["properties"]?[name] {
                if property == false { return true }
                continue
            }
            guard part.schema["additionalProperties"] == false else { continue }
            if try !matchesPattern(name, part) { return true }
        }
        return try leavesUnevaluated(name, side, beside: other, isSeparate)
    }

    private func matchesPattern(_ name: String, _ part: SchemaPart) throws(SchemaError) -> Bool {
        var isMatched = false
        for (pattern, _) in try compiler.patternProperties(part) where try compiler.matches(name, pattern) { isMatched = true }
        return isMatched
    }

    /// Keywords whose alternatives can evaluate properties.
    private static let alternatives = ["anyOf", "oneOf", "if", "dependencies", "dependentSchemas"]

    /// Whether a schema forbids all properties that no schema evaluates, and none evaluates this one.
    private func leavesUnevaluated(_ name: String, _ side: Side, beside other: Side, _ isSeparate: Bool) throws(SchemaError) -> Bool {
        guard let closing = side.parts.first(where: { $0.seesAll && $0.schema["unevaluatedProperties"] == false }) else { return false }
        if isSeparate, other.parts.contains(where: { $0.id == closing.id }) { return false }
        for part in isSeparate ? side.parts : side.parts + other.parts where part.evaluates {
            if part.id != closing.id, part.value("unevaluatedProperties") != nil { return false }
            // An alternative that is chosen later can evaluate the property.
            if Self.alternatives.contains(where: { part.value($0) != nil }) { return false }
            if part.schema["properties"]?[name] != nil || part.value("additionalProperties") != nil { return false }
            if try matchesPattern(name, part) { return false }
        }
        return true
    }

    /// Whether the closed objects among the schemas allow no key in common.
    private func haveNoCommonKey(_ parts: [SchemaPart]) throws(SchemaError) -> Bool {
        var common: CharacterAutomaton?
        do {
            for part in parts where part.schema["additionalProperties"] == false {
                guard let allowed = try keys(of: part) else { continue }
                let keys = try CharacterAutomaton(allowed, compiler.budget)
                common = try common?.intersection(keys, compiler.budget) ?? keys
            }
        } catch {
            if let error = error as? SchemaError { throw error }
            return false
        }
        return common?.isEmpty ?? false
    }

    /// Returns the keys that a closed object allows; nil when one of its patterns cannot be compiled.
    private func keys(of part: SchemaPart) throws(SchemaError) -> Grammar.Expression? {
        let names = (part.schema["properties"]?.objectValue ?? [:]).filter { $0.value != false }.map(\.key)
        var choices: [Grammar.Expression] = names.map { .literal($0) }
        for (pattern, _) in try compiler.patternProperties(part) {
            guard let expression = try compiler.expression(of: pattern) else { return nil }
            choices.append(expression)
        }
        return .choice(choices)
    }

    // MARK: Numbers, strings, arrays

    /// Whether an element that both sides require has schemas that exclude each other.
    private mutating func areElementsDisjoint(_ left: Side, _ right: Side, _ depth: Int) throws(SchemaError) -> Bool {
        let least = (left.parts + right.parts).compactMap { $0.schema["minItems"]?.intValue }.max() ?? 0
        for index in 0..<min(max(0, least), Self.maximumElements) {
            let first = left.parts.compactMap { compiler.itemSchema($0, at: index) }
            let second = right.parts.compactMap { compiler.itemSchema($0, at: index) }
            if try areDisjoint(parts: first, second, depth: depth + 1) { return true }
        }
        return false
    }

    /// Whether strings or arrays have lengths that do not overlap.
    private func areLengthsDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ kinds: Set<SchemaTypes.Kind>) -> Bool {
        guard kinds == [.string] || kinds == [.array] else { return false }
        let suffix = kinds == [.string] ? "Length" : "Items"
        func isBelow(_ first: [SchemaPart], _ second: [SchemaPart]) -> Bool {
            guard let high = bound(first, "max" + suffix), let low = bound(second, "min" + suffix) else { return false }
            return high < low
        }
        return isBelow(left, right) || isBelow(right, left)
    }

    /// Whether numbers have ranges that do not overlap.
    private func areRangesDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ kinds: Set<SchemaTypes.Kind>) -> Bool {
        guard kinds.isSubset(of: [.integer, .number]) else { return false }
        func isBelow(_ first: [SchemaPart], _ second: [SchemaPart]) -> Bool {
            guard let high = bound(first, "exclusiveMaximum") ?? bound(first, "maximum"),
                let low = bound(second, "exclusiveMinimum") ?? bound(second, "minimum")
            else { return false }
            let isExclusive = bound(first, "exclusiveMaximum") != nil || bound(second, "exclusiveMinimum") != nil
            return isExclusive ? high <= low : high < low
        }
        return isBelow(left, right) || isBelow(right, left)
    }

    private func bound(_ parts: [SchemaPart], _ key: String) -> Double? { parts.lazy.compactMap { $0.schema[key]?.doubleValue }.first }
}
