import ShimmyJSON

/// Keywords that combine schemas. Each becomes a set of alternatives, and a value must fit at least one of them.
extension SchemaCompiler {
    /// The max number of combined alternatives in one schema.
    private static let maximumBranches = 3000

    /// The max number of ways in which a value of one `oneOf` alternative may fail to fit the others.
    private static let maximumCombinations = 64

    /// The max number of such ways before a property that distinguishes two alternatives is required, although it is optional in them.
    private static let maximumExactCombinations = 8

    private struct Alternatives {
        /// The alternatives, each a set of schemas; empty when no value fits.
        var parts: [[SchemaPart]]
        /// The reason why the keyword is not fully enforced; nil when it is fully enforced.
        var note: SchemaError?
    }

    /// Returns the rule for values that fit a keyword of one schema and all of `rest`, which are the schemas without this keyword.
    ///
    /// - place: the index of the schema in `rest`.
    func choice(_ key: String, _ rest: [SchemaPart], of part: SchemaPart, at place: Int) throws(SchemaError) -> Expression {
        let found = try alternatives(part, key, rest)
        if let note = found.note { try pass(note) }
        let kinds = SchemaTypes.kinds(rest)
        var possible: [[SchemaPart]] = []
        for parts in found.parts where !kinds.isDisjoint(with: SchemaTypes.kinds(parts)) {
            // Of many conditions on one property, each value fits few, so that this keeps the number of combinations small.
            guard let flat = try flattened(parts), try !SchemaDisjointness.areDisjoint(rest, flat, self) else { continue }
            possible.append(parts)
        }
        // A single alternative does not multiply the number of rules.
        if possible.count > 1 { branches += possible.count }
        if branches > Self.maximumBranches {
            try pass(part.error(key, "there are more than \(Self.maximumBranches) combinations of alternatives"))
            return try rule(for: rest)
        }
        var choices: [Expression] = []
        for parts in possible {
            // Members follow the schema that lists them, so that their properties keep the schema's order.
            let members = key == "anyOf" || key == "oneOf" ? 1 : 0
            var all = rest
            all.insert(contentsOf: parts.prefix(members), at: place + 1)
            all += parts.dropFirst(members)
            let rule = try rule(for: all)
            if !choices.contains(rule) { choices.append(rule) }
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private func alternatives(_ part: SchemaPart, _ key: String, _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        switch key {
        case "anyOf": return Alternatives(parts: try members(part, key).map { [$0] })
        case "oneOf": return try exactlyOne(part, try members(part, key), rest)
        case "not": return try negation(part, rest)
        case "if": return try condition(part)
        default: return try dependencies(part, key)
        }
    }

    private func members(_ part: SchemaPart, _ key: String) throws(SchemaError) -> [SchemaPart] {
        guard let count = part.schema[key]?.arrayValue?.count, count > 0 else {
            throw part.error(key, "'\(key)' must be an array with at least one schema")
        }
        return (0..<count).compactMap { part.at(key, $0) }
    }

    // MARK: oneOf

    /// Returns the alternatives of a `oneOf`: each member together with the negations of the members that the same value could fit.
    private func exactlyOne(_ part: SchemaPart, _ members: [SchemaPart], _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        var flat: [[SchemaPart]?] = []
        for member in members { flat.append(try flattened(rest + [member])) }
        var negations: [Int: SchemaNegation.Result] = [:]
        var result = Alternatives(parts: [])
        for (index, member) in members.enumerated() {
            guard let own = flat[index] else { continue }
            var parts = [member]
            var combinations = 1
            for (place, other) in members.enumerated() where place != index {
                try check(part.pointer)
                guard let others = flat[place], try !SchemaDisjointness.areDisjoint(own, others, self) else { continue }
                var negation: SchemaNegation.Result
                if let known = negations[place] { negation = known } else { negation = try SchemaNegation(self).negated(other) }
                negations[place] = negation
                let isMany = combinations * negation.choices.count > Self.maximumExactCombinations
                if negation.choices.count > 1, let only = try discriminating(negation.choices, own, evenIfOptional: isMany) {
                    negation.choices = [only]
                }
                combinations *= max(1, negation.choices.count)
                guard try !leavesNothing(negation, of: own, part), combinations <= Self.maximumCombinations else {
                    result.note = part.error("oneOf", "a value could fit two of the alternatives")
                    combinations /= max(1, negation.choices.count)
                    continue
                }
                parts.append(part.derived(negation.schema, "one-\(index)-\(place)"))
            }
            result.parts.append(parts)
        }
        return result
    }

    /// Returns whether a negation that is not exact excludes all values of an alternative. It would then exclude too many.
    private func leavesNothing(_ negation: SchemaNegation.Result, of own: [SchemaPart], _ part: SchemaPart) throws(SchemaError) -> Bool {
        if negation.isExact { return false }
        for choice in negation.choices {
            guard let other = try flattened([part.derived(choice, "other")]) else { continue }
            if try !SchemaDisjointness.areDisjoint(own, other, self) { return false }
        }
        return true
    }

    /// Returns the negation of a property whose listed values in the alternative `own` all fit the negation: it alone distinguishes the two. Nil
    /// when there is none.
    /// - evenIfOptional: whether the alternative need not require the property. The negation does, and so excludes values without it.
    private func discriminating(_ choices: [JSON], _ own: [SchemaPart], evenIfOptional: Bool) throws(SchemaError) -> JSON? {
        let validator = SchemaValidator(self)
        let ownNames = Set(own.flatMap(\.requiredNames))
        for choice in choices {
            guard let required = choice["required"]?.arrayValue, required.count == 1, let name = required[0].stringValue,
                let negation = choice["properties"]?[name], evenIfOptional || ownNames.contains(name)
            else { continue }
            for part in own {
                guard let property = part.at("properties")?.at(name), let values = try listedValues([property]), !values.isEmpty else { continue }
                let other = property.derived(negation, "other")
                if try validator.accepts(each: values, other) { return choice }
            }
        }
        return nil
    }

    // MARK: not, if

    private func negation(_ part: SchemaPart, _ rest: [SchemaPart]) throws(SchemaError) -> Alternatives {
        guard let inner = part.at("not") else { return Alternatives(parts: [[]]) }
        let negation = try SchemaNegation(self).negated(inner)
        guard try !leavesNothing(negation, of: rest, part) else {
            return Alternatives(parts: [[]], note: part.error("not", "this 'not' cannot be enforced"))
        }
        return Alternatives(parts: negation.choices.enumerated().map { [inner.derived($0.element, "not-\($0.offset)")] })
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
            result.parts.append([test.derived(negation.schema, "if-not")] + otherwise)
        } else {
            result.parts += negation.choices.enumerated().map { [test.derived($0.element, "if-not-\($0.offset)")] + otherwise }
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
