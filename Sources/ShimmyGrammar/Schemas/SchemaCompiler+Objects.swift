import ShimmyJSON

/// Objects: the named properties in the schema's order, of which optional ones may be absent, then other properties if they are allowed; or all of
/// them in any order.
extension SchemaCompiler {
    private struct Property {
        let name: String
        let value: Expression
        let isRequired: Bool
    }

    /// The min and max number of properties of an object; a nil `most` means unbounded.
    private struct Counts {
        var least = 0
        var most: Int?

        var matters: Bool { least > 1 || most != nil }
        /// Returns the count, capped where higher counts make no difference.
        func cut(_ count: Int) -> Int { matters ? min(count, max(least, most.map { $0 + 1 } ?? 0)) : min(count, 1) }
    }

    func objects(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var counts = Counts()
        for part in flat {
            counts.least = max(counts.least, try part.count("minProperties") ?? 0)
            if let most = try part.count("maxProperties") { counts.most = min(counts.most ?? most, most) }
        }
        guard let properties = try properties(flat) else { return nil }
        let others = mayHaveOthers(flat, counts, properties.count) ? try others(flat, besides: names(flat)) : nil
        if counts.matters, properties.count * (max(counts.least, counts.most ?? 0) + 1) > 20_000 {
            for part in flat {
                for keyword in ["minProperties", "maxProperties"] where part.value(keyword) != nil {
                    try pass(part.error(keyword, "'\(keyword)' cannot be enforced for so many properties"))
                }
            }
            counts = Counts()
        }
        // A key that the schema does not name may occur twice; a parser counts it once.
        if others != nil, counts.least > max(1, properties.count(where: \.isRequired)),
            let part = flat.first(where: { $0.value("minProperties") != nil })
        {
            try pass(part.error("minProperties", "keys that the schema does not name can be equal, and equal keys count once"))
        }
        if let part = flat.first(where: { $0.value("properties") != nil }), optionalRun(properties) > Self.maximumOptionalRun {
            throw part.error("properties", "more than \(Self.maximumOptionalRun) optional properties follow each other")
        }
        let isUnordered = !counts.matters && allowsAnyOrder(of: properties.count)
        let found = try isUnordered ? unordered(properties, others, least: counts.least) : members(properties, others, counts)
        guard let inside = found else { return nil }
        return .sequence([.literal("{"), inside, .literal("}")])
    }

    /// The max number of consecutive optional properties; a state has a position for each of them (`GrammarStates`).
    private static let maximumOptionalRun = 1000

    private func optionalRun(_ properties: [Property]) -> Int { properties.split(whereSeparator: \.isRequired).map(\.count).max() ?? 0 }

    /// Returns all members, built from the last property to the first: for each index and count of earlier properties, the members that may follow.
    private func members(_ properties: [Property], _ others: Expression?, _ counts: Counts) throws(SchemaError) -> Expression? {
        let highest = counts.matters ? counts.cut(properties.count) : min(properties.count, 1)
        func isAllowed(_ count: Int) -> Bool { counts.most.map { count <= $0 } ?? true }
        var following: [Expression?] = (0...highest).map { isAllowed($0) ? last($0, others, counts) : nil }
        for (index, property) in properties.enumerated().reversed() {
            if index.isMultiple(of: 64) { try check("") }
            var here: [Expression?] = []
            for count in 0...highest {
                // At most `index` properties can precede this one.
                guard count <= index else {
                    here.append(nil)
                    continue
                }
                let next = counts.cut(count + 1)
                var choices: [Expression] = []
                if isAllowed(next), let rest = following[next] {
                    choices.append(.sequence([member(property, isFirst: count == 0), rest]))
                }
                if !property.isRequired, let rest = following[count] { choices.append(rest) }
                // Two rules can refer to this expression; a rule of its own keeps it from being duplicated.
                here.append(choices.isEmpty ? nil : choices.count == 1 && index == 0 ? choices[0] : try add(.choice(choices)))
            }
            following = here
        }
        return following[0]
    }

    /// Returns all members in any order.
    ///
    /// - least: the min number of members, 0 or 1.
    private func unordered(_ properties: [Property], _ others: Expression?, least: Int) throws(SchemaError) -> Expression? {
        if properties.isEmpty, others == nil { return least == 0 ? .empty : nil }
        var unordered = UnorderedMembers(members: [], others: nil)
        for property in properties {
            unordered.members.append(.init(rule: try newRule(member(property, isFirst: true)), isRequired: property.isRequired))
        }
        if let others { unordered.others = try newRule(others) }
        let mayBeEmpty = least == 0 && !properties.contains(where: \.isRequired)
        return mayBeEmpty ? .optional(.unordered(unordered)) : .unordered(unordered)
    }

    private func member(_ property: Property, isFirst: Bool) -> Expression {
        .sequence([.literal((isFirst ? "" : ", ") + JSON.string(property.name).text + ": "), property.value])
    }

    /// Returns the properties that the schema does not name, up to the end of the object; nil when `count` properties cannot end the object.
    private func last(_ count: Int, _ others: Expression?, _ counts: Counts) -> Expression? {
        let least = max(0, counts.least - count)
        guard let others, counts.most.map({ $0 > count }) ?? true else { return least == 0 ? .empty : nil }
        let most = counts.most.map { $0 - count }
        let following = Expression.sequence([.literal(", "), others])
        if count > 0 { return .repeated(following, least: least, most: most) }
        let all = Expression.sequence([others, .repeated(following, least: max(0, least - 1), most: most.map { $0 - 1 })])
        return least == 0 ? .optional(all) : all
    }

    // MARK: Named properties

    /// Returns the names of all properties in order. Required names without a schema come last.
    private func names(_ flat: [SchemaPart]) throws(SchemaError) -> [String] {
        var names: [String] = []
        var seen: Set<String> = []
        for part in flat {
            guard let properties = part.value("properties") else { continue }
            guard let object = properties.objectValue else { throw part.error("properties", "'properties' must be an object") }
            for name in object.keys where seen.insert(name).inserted { names.append(name) }
        }
        for part in flat { for name in try required(part) where seen.insert(name).inserted { names.append(name) } }
        return names
    }

    private func required(_ part: SchemaPart) throws(SchemaError) -> [String] {
        // In draft 3, `required` was a flag of the property itself.
        guard let value = part.value("required"), value.boolValue == nil else { return part.flaggedNames }
        guard let list = value.arrayValue else { throw part.error("required", "'required' must be an array of strings") }
        var names: [String] = []
        for entry in list {
            guard let name = entry.stringValue else { throw part.error("required", "'required' must be an array of strings") }
            names.append(name)
        }
        return names + part.flaggedNames
    }

    /// Returns all properties that can be present; nil when a required one cannot be.
    private func properties(_ flat: [SchemaPart]) throws(SchemaError) -> [Property]? {
        var required: Set<String> = []
        for part in flat { required.formUnion(try self.required(part)) }
        let limits = flat.compactMap { $0.value("propertyNames") == nil ? nil : $0.at("propertyNames") }
        let validator = SchemaValidator(self)
        var result: [Property] = []
        for (index, name) in try names(flat).enumerated() {
            if index.isMultiple(of: 64) { try check(flat[0].pointer) }
            let isRequired = required.contains(name)
            let isNamed = try validator.accepts(.string(name), all: limits)
            guard isNamed, let value = try value(of: name, flat) else {
                if isRequired { return nil }
                continue
            }
            result.append(Property(name: name, value: value, isRequired: isRequired))
        }
        return result
    }

    /// Returns the values of a property; nil when it must be absent.
    private func value(of name: String, _ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var parts: [SchemaPart] = []
        var isEvaluated = false
        for part in flat {
            let before = parts.count
            if let found = part.at("properties")?.at(name) { parts.append(found) }
            for (pattern, found) in try patternProperties(part) where try matches(name, pattern) { parts.append(found) }
            if parts.count == before, part.value("additionalProperties") != nil, let found = part.at("additionalProperties") { parts.append(found) }
            if parts.count > before, part.evaluates { isEvaluated = true }
        }
        if !isEvaluated { parts += try unevaluated(flat) }
        if parts.contains(where: { $0.schema == false }) { return nil }
        return try element(parts)
    }

    // MARK: Other properties

    /// Returns whether an object may have properties that its schema does not name, as far as the schema allows them. A call may have them only if
    /// the schema mentions them, because most tools fail for arguments that they do not know.
    private func mayHaveOthers(_ flat: [SchemaPart], _ counts: Counts, _ named: Int) -> Bool {
        guard keyRule == .ofCalls, counts.least <= named else { return true }
        let mentions = ["additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties"]
        if flat.contains(where: { part in mentions.contains { part.value($0) != nil } }) { return true }
        // An object with an empty `properties` often stands for any object; the arguments of a tool do not.
        return !flat.contains { part in
            guard !part.isDerived, let properties = part.value("properties")?.objectValue else { return false }
            return !properties.isEmpty || part.pointer.isEmpty
        }
    }

    /// Returns a property that the schema does not name; nil when none is allowed.
    private func others(_ flat: [SchemaPart], besides names: [String]) throws(SchemaError) -> Expression? {
        var patterns: [KeyAutomaton.Pattern] = []
        for (index, part) in flat.enumerated() {
            for (pattern, value) in try patternProperties(part) {
                guard let expression = try expression(of: pattern) else { continue }
                patterns.append(.init(expression: expression, value: value, owner: index))
            }
        }
        let limits = flat.compactMap { $0.value("propertyNames") == nil ? nil : $0.at("propertyNames") }.filter { $0.schema != true }
        if patterns.isEmpty, try schemas(ofOther: [], patterns, flat) == nil { return nil }
        if names.isEmpty, patterns.isEmpty, limits.isEmpty {
            guard let schemas = try schemas(ofOther: [], patterns, flat) else { return nil }
            return .sequence([quoted(.repeated(try character(), least: 0, most: nil)), .literal(": "), try element(schemas)])
        }
        do {
            return try keys(names, patterns, limits, flat)
        } catch {
            if let error = error as? SchemaError { throw error }
            let part = flat.first { $0.value("patternProperties") != nil || $0.value("propertyNames") != nil } ?? flat[0]
            let key = part.value("patternProperties") != nil ? "patternProperties" : "propertyNames"
            try pass(part.error(key, "\(error)"))
            return nil
        }
    }

    /// Returns the schemas of an unnamed property that matches the given patterns; nil when it is not allowed.
    private func schemas(
        ofOther matched: [Int], _ patterns: [KeyAutomaton.Pattern], _ flat: [SchemaPart]
    ) throws(SchemaError) -> [SchemaPart]? {
        var result = matched.map { patterns[$0].value }
        var isEvaluated = matched.contains { flat[patterns[$0].owner].evaluates }
        for (index, part) in flat.enumerated() where part.value("additionalProperties") != nil {
            guard !matched.contains(where: { patterns[$0].owner == index }), let rest = part.at("additionalProperties") else { continue }
            result.append(rest)
            if part.evaluates { isEvaluated = true }
        }
        if !isEvaluated { result += try unevaluated(flat) }
        return result.contains { $0.schema == false } ? nil : result
    }

    /// Returns the schemas of properties that no other keyword evaluates.
    private func unevaluated(_ flat: [SchemaPart]) throws(SchemaError) -> [SchemaPart] {
        let parts = flat.filter { $0.value("unevaluatedProperties") != nil }
        var result: [SchemaPart] = []
        for part in parts where part.schema["unevaluatedProperties"] != true {
            // Another one, inside this one, evaluates all properties.
            if part.seesAll, parts.contains(where: { $0.id != part.id && $0.evaluates }) { continue }
            // The keyword takes into account the schemas inside its own schema, but not those beside it. Flattening has lost this distinction.
            if flat.count > 1, !part.seesAll {
                try pass(part.error("unevaluatedProperties", "the properties that the other schemas evaluate cannot be determined"))
            }
            if let rest = part.at("unevaluatedProperties") { result.append(rest) }
        }
        return result
    }

    /// Returns one automaton for all keys. At the end of a key, it knows the patterns that the key matched, and so the rule of its value.
    private func keys(
        _ names: [String], _ patterns: [KeyAutomaton.Pattern], _ limits: [SchemaPart], _ flat: [SchemaPart]
    ) throws -> Expression? {
        var allowed: CharacterAutomaton?
        for limit in limits {
            let one = try nameAutomaton(limit)
            allowed = try allowed?.intersection(one, budget) ?? one
        }
        var exits: [String?] = []
        var labels: [[Int]: Int?] = [:]
        var error: SchemaError?
        let automaton = try KeyAutomaton.make(names, patterns.map(\.expression), budget) { matched in
            if let known = labels[matched] { return known }
            var label: Int?
            do throws(SchemaError) {
                if let schemas = try self.schemas(ofOther: matched, patterns, flat),
                    case .rule(let name) = try self.add(.sequence([.literal("\": "), try self.element(schemas)]))
                {
                    label = exits.count
                    exits.append(name)
                }
            } catch let problem {
                error = problem
            }
            labels[matched] = .some(label)
            return label
        }
        if let error { throw error }
        let keys = try allowed.map { allowed throws(GrammarTextError) in try automaton.intersection(allowed, budget) } ?? automaton
        if keys.isEmpty { return nil }
        return try add(
            .sequence([
                .literal("\""), .automaton(CountedAutomaton(automaton: patterns.isEmpty ? keys : keys.minimized, isInString: true, exits: exits)),
            ]))
    }

    func patternProperties(_ part: SchemaPart) throws(SchemaError) -> [(pattern: Pattern, value: SchemaPart)] {
        guard part.value("patternProperties") != nil, let properties = part.at("patternProperties") else { return [] }
        guard let object = properties.schema.objectValue else { throw part.error("patternProperties", "'patternProperties' must be an object") }
        if object.contains(where: { isTooLong($0.key) }) { throw part.error("patternProperties", tooLongPattern) }
        return object.keys.compactMap { key in
            properties.at(key).map { (Pattern(part: properties, key: key, source: .pattern(key)), $0) }
        }
    }

    // MARK: Names

    private func nameAutomaton(_ names: SchemaPart) throws -> CharacterAutomaton {
        guard let flat = try flattened([names]) else { return try .any(of: [], budget) }
        let known: Set<String> = ["type", "pattern", "format", "minLength", "maxLength", "enum", "const", SchemaKeywords.excluded]
        var result = CharacterAutomaton.allBut([])
        for part in flat {
            for key in part.schema.objectValue?.keys ?? [] where !known.contains(key) && !SchemaKeywords.isAnnotation(key) {
                try pass(part.error(key, "'\(key)' cannot be enforced for property names"))
            }
            if !(try SchemaTypes.of(part).contains(.string)) { return try .any(of: [], budget) }
            let lengths = try StringLengths([part])
            if lengths.matters {
                let characters = Expression.repeated(.set(.all), least: lengths.least, most: lengths.most)
                result = try result.intersection(CharacterAutomaton(characters, budget), budget)
            }
            for pattern in try patterns([part]) {
                guard let automaton = try automaton(of: pattern) else { continue }
                result = try result.intersection(automaton, budget)
            }
            if let listed = part.value("const").map({ [$0] }) ?? part.schema["enum"]?.arrayValue {
                result = try result.intersection(.any(of: listed.compactMap(\.stringValue), budget), budget)
            }
        }
        return result
    }
}

/// Builds the automaton of unnamed keys, with labels for the patterns that they match.
enum KeyAutomaton {
    struct Pattern {
        let expression: Grammar.Expression
        let value: SchemaPart
        /// The index of the schema that the pattern belongs to.
        let owner: Int
    }

    /// - label: returns the label of keys that match exactly the given patterns; nil when such keys are not allowed.
    static func make(
        _ names: [String], _ patterns: [Grammar.Expression], _ budget: GrammarBudget, label: ([Int]) -> Int?
    ) throws(GrammarTextError) -> CharacterAutomaton {
        if patterns.isEmpty {
            guard let only = label([]) else { return CharacterAutomaton(edges: [[]], labels: [nil]) }
            return .allBut(names).relabelled { _ in only }
        }
        var nodes = ExpressionNodes(budget)
        nodes.keepsOthers = true
        var ends: [Int32] = []
        for pattern in patterns { ends.append(try nodes.add(pattern, from: 0)) }
        let named = try nodes.add(.choice(names.map { .literal($0) }), from: 0)
        return try CharacterAutomaton(nodes) { state in
            let found = Set(state)
            if found.contains(named) { return nil }
            return label(ends.indices.filter { found.contains(ends[$0]) })
        }
    }
}
