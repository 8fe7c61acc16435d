import ShimmyJSON

/// Decides whether sets of schemas exclude each other.
struct SchemaDisjointness {
    private static let maximumDepth = 4
    /// The max number of pairs of sets that one call compares, because references can lead to the same properties again and again.
    private static let maximumComparisons = 1000

    private let compiler: SchemaCompiler
    private var comparisons = 0

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    /// Whether it is certain that no value fits both sets of schemas, which are flat (`SchemaCompiler.flattened`).
    static func areDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ compiler: SchemaCompiler) throws(SchemaError) -> Bool {
        var comparison = SchemaDisjointness(compiler)
        return try comparison.areDisjoint(left, right, depth: 0)
    }

    private mutating func areDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], depth: Int) throws(SchemaError) -> Bool {
        comparisons += 1
        if depth > Self.maximumDepth || comparisons > Self.maximumComparisons { return false }
        if let first = values(left), let second = values(right), !first.contains(where: second.contains) { return true }
        let kinds = SchemaTypes.kinds(left).intersection(SchemaTypes.kinds(right))
        if kinds.isEmpty { return true }
        if kinds == [.object] { return try areObjectsDisjoint(left, right, depth) }
        return areRangesDisjoint(left, right, kinds) || areLengthsDisjoint(left, right, kinds)
    }

    /// Returns the listed values that all of the schemas list and none excludes; nil if none of them lists values.
    private func values(_ parts: [SchemaPart]) -> [JSON]? {
        let lists = parts.compactMap { $0.value("const").map { [$0] } ?? $0.schema["enum"]?.arrayValue }.sorted { $0.count < $1.count }
        guard let shortest = lists.first else { return nil }
        let excluded = compiler.excluded(parts)
        return shortest.filter { value in lists.dropFirst().allSatisfy { $0.contains(value) } && !excluded.contains(value) }
    }

    // MARK: Objects

    private mutating func areObjectsDisjoint(_ left: [SchemaPart], _ right: [SchemaPart], _ depth: Int) throws(SchemaError) -> Bool {
        let (ofLeft, ofRight) = (Set(left.flatMap(\.requiredNames)), Set(right.flatMap(\.requiredNames)))
        let names = ofLeft.union(ofRight).sorted()
        if areCountsDisjoint(left + right, required: names.count) { return true }
        for name in names {
            if ofLeft.contains(name), try forbids(name, right) { return true }
            if ofRight.contains(name), try forbids(name, left) { return true }
        }
        // A property that one side requires must fit the schemas of both.
        for name in names {
            let (first, second) = (properties(left, name), properties(right, name))
            guard !first.isEmpty, !second.isEmpty else { continue }
            guard let one = try compiler.flattened(first), let other = try compiler.flattened(second) else { return true }
            if try areDisjoint(one, other, depth: depth + 1) { return true }
        }
        guard names.isEmpty, (left + right).contains(where: { $0.schema["minProperties"]?.intValue ?? 0 > 0 }) else { return false }
        return try haveNoCommonKey(left + right)
    }

    private func properties(_ parts: [SchemaPart], _ name: String) -> [SchemaPart] {
        parts.compactMap { $0.at("properties")?.at(name) }
    }

    /// Whether no number of properties fits all of the schemas, which require `required` properties by name.
    private func areCountsDisjoint(_ parts: [SchemaPart], required: Int) -> Bool {
        guard let most = parts.compactMap({ $0.schema["maxProperties"]?.intValue }).min() else { return false }
        return most < max(required, parts.compactMap { $0.schema["minProperties"]?.intValue }.max() ?? 0)
    }

    /// Whether one of the schemas forbids a property of the given name.
    private func forbids(_ name: String, _ parts: [SchemaPart]) throws(SchemaError) -> Bool {
        for part in parts {
            if let property = part.schema["properties"]?[name] {
                if property == false { return true }
                continue
            }
            guard part.schema["additionalProperties"] == false else { continue }
            var isMatched = false
            for (pattern, _) in try compiler.patternProperties(part) where try compiler.matches(name, pattern) { isMatched = true }
            if !isMatched { return true }
        }
        return false
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
