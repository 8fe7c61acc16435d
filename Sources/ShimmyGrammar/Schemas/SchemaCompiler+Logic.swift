import ShimmyJSON

/// Keywords that combine schemas. Each becomes a set of alternatives, and a value must fit at least one of them.
extension SchemaCompiler {
    /// The max number of combined alternatives in one schema.
    private static let maximumBranches = 3000

    /// The max number of ways in which a value of one `oneOf` alternative may fail to fit the others.
    private static let maximumCombinations = 64

    /// The max number of such ways before a property that distinguishes two alternatives is required, although it is optional in them, or a property
    /// of the other alternative is excluded.
    private static let maximumExactCombinations = 8

    private struct Alternatives {
        /// The alternatives, each a set of schemas; empty when no value fits.
        var parts: [[SchemaPart]]
        /// The reason why the keyword is not fully enforced; nil when it is fully enforced.
        var note: SchemaError?
    }

    /// The values that fit a keyword and all other schemas of a set.
    enum Combination {
        /// The values that fit all of these schemas.
        case schemas([SchemaPart])
        case expression(Expression)
    }

    /// Returns the values that fit a keyword of one schema and everything else in `flat`.
    ///
    /// - place: the index of the schema in `flat`.
    func choice(_ key: String, _ flat: [SchemaPart], at place: Int) throws(SchemaError) -> Combination {
        if key == "if", let (parts, rest) = try conditions(flat, at: place) { return try combination(of: parts, key, rest, flat[place], at: place) }
        let part = flat[place]
        var rest = flat
        rest[place] = key == "if" ? part.withoutCondition : part.without(key)
        if let values = try listedValues(part, key), !values.isEmpty {
            return .schemas(rest + [part.derived(["enum": .array(values)], "\(key) values")])
        }
        let found = try alternatives(part, key, rest)
        if let note = found.note { try pass(note) }
        return try combination(of: found.parts, key, rest, part, at: place)
    }

    /// Returns the values of alternatives that only list values, as one list: it needs no rule for each alternative. Nil if an alternative says more,
    /// or if two of `oneOf` could list the same number, array or object.
    private func listedValues(_ part: SchemaPart, _ key: String) throws(SchemaError) -> [JSON]? {
        guard key == "anyOf" || key == "oneOf", let alternatives = part.schema[key]?.arrayValue, alternatives.count > 1 else { return nil }
        let validator = SchemaValidator(self)
        var lists: [[JSON]] = []
        for (index, alternative) in alternatives.enumerated() {
            if index.isMultiple(of: 64) { try check(part.pointer) }
            guard let object = alternative.objectValue, let inner = part.at(key, index) else { return nil }
            let keys = object.keys.filter { !SchemaKeywords.isAnnotation($0) && $0 != "type" }
            guard keys.count == 1, let list = keys[0] == "const" ? [object["const"] ?? .null] : object["enum"]?.arrayValue else { return nil }
            let type = inner.without(keys[0])
            var fitting: [JSON] = []
            for value in list where try validator.accepts(value, type) { fitting.append(value) }
            lists.append(fitting)
        }
        let values = lists.flatMap(\.self)
        if key == "anyOf" { return values }
        // The number of alternatives that list a text.
        var counts: [[UInt8]: Int] = [:]
        for list in lists {
            let texts = list.compactMap { $0.stringValue.map { Array<UInt8>($0.utf8) } }
            if texts.count < list.count { return nil }
            for text in Set(texts) { counts[text, default: 0] += 1 }
        }
        return values.filter { value in value.stringValue.map { counts[Array<UInt8>($0.utf8)] == 1 } ?? false }
    }

    /// Returns the values that fit one of `alternatives` and all of `rest`, which are the schemas without the keyword `key` of `part`.
    private func combination(
        of alternatives: [[SchemaPart]], _ key: String, _ rest: [SchemaPart], _ part: SchemaPart, at place: Int
    ) throws(SchemaError) -> Combination {
        let side = SchemaDisjointness.Side(rest, self)
        var possible: [[SchemaPart]] = []
        for (index, parts) in alternatives.enumerated() where !side.kinds.isDisjoint(with: SchemaTypes.kinds(parts)) {
            if index.isMultiple(of: 16) { try check(part.pointer) }
            // Of many conditions on one property, each value fits few, so that this keeps the number of combinations small.
            guard let flat = try flattened(parts),
                try !SchemaDisjointness.areDisjoint(side, SchemaDisjointness.Side(flat, self), self, isSeparate: false)
            else { continue }
            possible.append(parts)
        }
        if possible.isEmpty, key == "oneOf" || key == "not" && !alternatives.isEmpty {
            hasContradiction = true
            if relaxesContradictions { return try relaxed(key, rest, part, at: place) }
        }
        // A single alternative does not multiply the number of rules.
        if possible.count > 1 { branches += possible.count }
        if key == "if", possible.count > 1 {
            // The first conditions exclude each other, because they are on one property. Further ones multiply the alternatives.
            let most = conditions == 0 ? 4 * maximumConditions : maximumConditions
            conditions += possible.count
            if mode == .lenient, conditions > most {
                try pass(part.error(key, "there are more than \(most) combinations of conditions"))
                return .schemas(rest)
            }
        }
        if branches > Self.maximumBranches, possible.count > 1 {
            try pass(part.error(key, "there are more than \(Self.maximumBranches) combinations of alternatives"))
            return .schemas(rest)
        }
        var sets: [[SchemaPart]] = []
        for parts in possible {
            // Members follow the schema that lists them, so that their properties keep the schema's order.
            let members = key == "anyOf" || key == "oneOf" ? 1 : 0
            var all = rest
            all.insert(contentsOf: parts.prefix(members), at: place + 1)
            all += parts.dropFirst(members)
            sets.append(all)
        }
        if sets.count == 1 { return .schemas(sets[0]) }
        var choices: [Expression] = []
        for set in sets {
            let rule = try rule(for: set)
            if !choices.contains(rule) { choices.append(rule) }
        }
        return .expression(choices.count == 1 ? choices[0] : .choice(choices))
    }

    /// Returns the values that fit `rest` and, for a `oneOf`, any alternative. Functions are often described so: all properties are required, and
    /// each alternative requires some of them again.
    private func relaxed(_ key: String, _ rest: [SchemaPart], _ part: SchemaPart, at place: Int) throws(SchemaError) -> Combination {
        try pass(part.error(key, "no value fits it beside the rest of the schema"))
        if key == "not" { return .schemas(rest) }
        return try combination(of: try members(part, key), "anyOf", rest, part, at: place)
    }

    private func alternatives(_ part: SchemaPart, _ key: String, _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        switch key {
        case "anyOf": return Alternatives(parts: try members(part, key))
        case "oneOf": return try exactlyOne(part, try members(part, key), rest)
        case "not": return try negation(part, rest)
        case "if": return try condition(part)
        default: return try dependencies(part, key)
        }
    }

    /// Returns the members of a keyword, each with the requirement of the discriminator beside the keyword if it applies to the member.
    private func members(_ part: SchemaPart, _ key: String) throws(SchemaError) -> [[SchemaPart]] {
        guard let count = part.schema[key]?.arrayValue?.count, count > 0 else {
            throw part.error(key, "'\(key)' must be an array with at least one schema")
        }
        let members = (0..<count).compactMap { part.at(key, $0) }
        guard let name = part.value("discriminator")?["propertyName"]?.stringValue else { return members.map { [$0] } }
        let requirement = part.derived(["required": [.string(name)]], "discriminator").unevaluating
        var result: [[SchemaPart]] = []
        for member in members { result.append(try names(name, [member]) ? [member, requirement] : [member]) }
        return result
    }

    /// The max nesting depth of alternatives in which a discriminator's property is searched.
    private static let maximumDiscriminatorDepth = 4

    /// Returns whether schemas describe an object with this property, themselves or in each of their alternatives.
    ///
    /// - depth: the nesting depth of alternatives so far, limited by `maximumDiscriminatorDepth`.
    private func names(_ property: String, _ parts: [SchemaPart], depth: Int = 0) throws(SchemaError) -> Bool {
        guard depth < Self.maximumDiscriminatorDepth, let flat = try flattened(parts) else { return false }
        for part in flat {
            try check(part.pointer)
            if let found = part.value("properties")?[property], found != false { return true }
            for key in ["oneOf", "anyOf"] {
                guard let count = part.value(key)?.arrayValue?.count, count > 0 else { continue }
                var all = true
                for index in 0..<count where all {
                    all = try part.at(key, index).map { member throws(SchemaError) in try names(property, [member], depth: depth + 1) } ?? false
                }
                if all { return true }
            }
        }
        return false
    }

    // MARK: oneOf

    /// Returns the alternatives of a `oneOf`: each member together with the negations of the members that the same value could fit.
    ///
    /// The negation is that of the member without its discriminator, so that the values also fit for validators that ignore discriminators.
    private func exactlyOne(_ part: SchemaPart, _ members: [[SchemaPart]], _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        var sides: [SchemaDisjointness.Side?] = []
        for member in members { sides.append(try flattened(rest + member).map { SchemaDisjointness.Side($0, self) }) }
        let index = try AlternativeIndex(sides, self)
        var negations: [Int: SchemaNegation.Result] = [:]
        var result = Alternatives(parts: [])
        for (number, member) in members.enumerated() {
            guard let own = sides[number] else { continue }
            var parts: [SchemaPart]? = member
            var combinations = 1
            for place in index.candidates(for: number) where place != number {
                try check(part.pointer)
                guard let other = sides[place], try !SchemaDisjointness.areDisjoint(own, other, self) else { continue }
                let negation: SchemaNegation.Result
                if let known = negations[place] { negation = known } else { negation = try SchemaNegation(self).negated(members[place][0]) }
                negations[place] = negation
                let left = try remaining(negation, own, other, part, combinations)
                if left.choices.isEmpty, left.isExact {
                    // Each value of this member fits the other one, too.
                    parts = nil
                    break
                }
                guard !left.choices.isEmpty, combinations * left.choices.count <= Self.maximumCombinations else {
                    result.note = part.error("oneOf", "a value could fit two of the alternatives")
                    continue
                }
                combinations *= left.choices.count
                parts?.append(part.derived(left.schema, "one-\(number)-\(place)-\(left.mark)", isNegation: true))
            }
            if let parts { result.parts.append(parts) }
        }
        return result
    }

    /// The choices of a negation that matter for an alternative.
    private struct Remaining {
        var choices: [JSON]
        var isExact: Bool
        /// Distinguishes the choices from other ones of the same negation.
        var mark: String

        var schema: JSON { choices.count == 1 ? choices[0] : ["anyOf": .array(choices)] }
    }

    /// Returns the choices of the negation of another alternative that a value of the alternative `own` can fit, or fewer if a few suffice.
    ///
    /// - combinations: the number of combinations of choices so far.
    private func remaining(
        _ negation: SchemaNegation.Result, _ own: SchemaDisjointness.Side, _ other: SchemaDisjointness.Side, _ part: SchemaPart,
        _ combinations: Int
    ) throws(SchemaError) -> Remaining {
        // Arrays whose elements exclude each other have at most the empty array in common.
        if own.kinds.intersection(other.kinds) == [.array] {
            let longer: JSON = ["type": "array", "minItems": 1]
            let side = SchemaDisjointness.Side(own.parts + [part.derived(longer, "longer")], self)
            if try SchemaDisjointness.areDisjoint(side, other, self) {
                let shareEmpty = try SchemaValidator(self).accepts(.array([]), all: other.parts)
                return Remaining(choices: [shareEmpty ? longer : true], isExact: true, mark: shareEmpty ? "longer" : "any")
            }
        }
        var places: [Int] = []
        for (place, choice) in negation.choices.enumerated() {
            guard let flat = try flattened([part.derived(choice, "other", isNegation: true)]) else { continue }
            if try !SchemaDisjointness.areDisjoint(own, SchemaDisjointness.Side(flat, self), self) { places.append(place) }
        }
        let isMany = combinations * places.count > Self.maximumExactCombinations
        if places.count > 1, let only = try discriminating(places, negation.choices, own.parts, evenIfOptional: isMany) { places = [only] }
        if combinations * places.count > Self.maximumExactCombinations, places.count > 1,
            let only = forbidding(places, negation.choices, own.parts)
        {
            places = [only]
        }
        return Remaining(
            choices: places.map { negation.choices[$0] }, isExact: negation.isExact, mark: places.map { "\($0)" }.joined(separator: ","))
    }

    /// Returns whether a negation that is not exact excludes all values of a set of schemas. It would then exclude too many.
    private func leavesNothing(_ negation: SchemaNegation.Result, of own: [SchemaPart], _ part: SchemaPart) throws(SchemaError) -> Bool {
        if negation.isExact { return false }
        let side = SchemaDisjointness.Side(own, self)
        for choice in negation.choices {
            guard let other = try flattened([part.derived(choice, "other", isNegation: true)]) else { continue }
            if try !SchemaDisjointness.areDisjoint(side, SchemaDisjointness.Side(other, self), self) { return false }
        }
        return true
    }

    /// Returns the index of the negation of a property whose listed values in the alternative `own` all fit the negation: it alone distinguishes the
    /// two. Nil when there is none.
    ///
    /// - places: the indices of the choices that are considered.
    /// - evenIfOptional: whether the alternative need not require a property that the negation requires. Values without it are then excluded.
    private func discriminating(
        _ places: [Int], _ choices: [JSON], _ own: [SchemaPart], evenIfOptional: Bool
    ) throws(SchemaError) -> Int? {
        let validator = SchemaValidator(self)
        let ownNames = Set(own.flatMap(\.requiredNames))
        for place in places {
            guard let (name, negation) = onlyProperty(of: choices[place]) else { continue }
            if let required = choices[place]["required"]?.arrayValue {
                guard required.count == 1, required[0] == .string(name), evenIfOptional || ownNames.contains(name) else { continue }
            }
            for part in own {
                guard let property = part.at("properties")?.at(name), let values = try listedValues([property]), !values.isEmpty else { continue }
                let other = property.derived(negation, "other", isNegation: true)
                if try validator.accepts(each: values, other) { return place }
            }
        }
        return nil
    }

    /// Returns the index of a choice that constrains only a property that the alternative `own` does not name. It excludes only values with more
    /// properties than the alternative describes. Nil when there is none.
    private func forbidding(_ places: [Int], _ choices: [JSON], _ own: [SchemaPart]) -> Int? {
        places.first { place in
            guard choices[place]["required"] == nil, let (name, _) = onlyProperty(of: choices[place]) else { return false }
            return !own.contains { $0.schema["properties"]?[name] != nil }
        }
    }

    private func onlyProperty(of choice: JSON) -> (name: String, value: JSON)? {
        guard let properties = choice["properties"]?.objectValue, properties.count == 1 else { return nil }
        return properties.first { _ in true }.map { ($0.key, $0.value) }
    }

    // MARK: not, if

    private func negation(_ part: SchemaPart, _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        guard let inner = part.at("not") else { return Alternatives(parts: [[]]) }
        let negation = try SchemaNegation(self).negated(inner)
        guard try !leavesNothing(negation, of: rest, part) else {
            return Alternatives(parts: [[]], note: part.error("not", "this 'not' cannot be enforced"))
        }
        return Alternatives(parts: negation.choices.enumerated().map { [inner.derived($0.element, "not-\($0.offset)", isNegation: true)] })
    }

    private func condition(_ part: SchemaPart) throws(SchemaError) -> Alternatives {
        guard let test = part.at("if"), part.schema["then"] != nil || part.schema["else"] != nil else { return Alternatives(parts: [[]]) }
        let negation = try SchemaNegation(self).negated(test)
        var result = Alternatives(parts: [[test] + [part.at("then")].compactMap(\.self)])
        let otherwise = [part.at("else")].compactMap(\.self)
        if negation.choices.isEmpty, !negation.isExact {
            result.parts.append(otherwise)
            result.note = part.error("if", "this 'if' cannot be enforced")
        } else if !negation.isExact {
            // The negation is not exact: values that fit neither the test nor its known negations are excluded.
            result.parts.append([test.derived(negation.schema, "if-not", isNegation: true)] + otherwise)
        } else {
            result.parts += negation.choices.enumerated().map { [test.derived($0.element, "if-not-\($0.offset)", isNegation: true)] + otherwise }
        }
        return result
    }

    // MARK: dependencies

    /// Returns the alternatives of the first dependency: the property is absent, or its dependency is satisfied. The other dependencies remain for
    /// later calls.
    private func dependencies(_ part: SchemaPart, _ key: String) throws(SchemaError) -> Alternatives {
        guard let object = part.value(key)?.objectValue, let all = part.at(key) else { throw part.error(key, "'\(key)' must be an object") }
        guard let (name, value) = object.first(where: { _ in true }) else { return Alternatives(parts: [[]]) }
        var others = object
        others[name] = nil
        let later = others.isEmpty ? [] : [part.derived(.object([key: .object(others)]), "\(key)-after-\(name)")]
        let absent = part.derived(["properties": .object([name: false])], "without-\(name)")
        var present: [SchemaPart] = []
        if let names = value.arrayValue ?? value.stringValue.map({ [.string($0)] }) {
            present = [part.derived(["required": .array([.string(name)] + names)], "\(key)-\(name)")]
        } else if let schema = all.at(name), key != "dependentRequired" {
            present = [part.derived(["required": [.string(name)]], "with-\(name)"), schema]
        } else {
            throw all.error(name, "a dependency must be an array of names or a schema")
        }
        return Alternatives(parts: [[absent] + later, present + later])
    }
}
