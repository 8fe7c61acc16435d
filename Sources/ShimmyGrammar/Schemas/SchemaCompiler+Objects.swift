import ShimmyJSON

/// Objects: the properties in the schema's order, those that are not required perhaps left out, then others where they are allowed.
extension SchemaCompiler {
    private struct Property {
        let name: String
        let value: Expression
        let isRequired: Bool
    }

    /// How many properties there have to be.
    private struct Counts {
        var least = 0
        var most: Int?

        var matters: Bool { least > 1 || most != nil }
        /// Counts that differ in nothing are the same.
        func cut(_ count: Int) -> Int { matters ? min(count, max(least, most.map { $0 + 1 } ?? 0)) : min(count, 1) }
    }

    func objects(_ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var counts = Counts()
        for part in flat {
            counts.least = max(counts.least, try part.count("minProperties") ?? 0)
            if let most = try part.count("maxProperties") { counts.most = min(counts.most ?? most, most) }
        }
        guard let properties = try properties(flat) else { return nil }
        let others = try others(flat, besides: properties.map(\.name))
        if properties.count <= 64, counts.matters, properties.count * (max(counts.least, counts.most ?? 0) + 1) > 20_000 {
            try pass(SchemaError(flat.first?.place ?? "", "too many properties are counted"))
            counts = Counts()
        }
        var made: [Int: Expression?] = [:]
        guard let inside = try members(properties[...], 0, others, counts, &made) else { return nil }
        return .sequence([.literal("{"), inside, .literal("}")])
    }

    /// The properties from some place on; nil when nothing fits.
    private func members(
        _ properties: ArraySlice<Property>, _ count: Int, _ others: Expression?, _ counts: Counts, _ made: inout [Int: Expression?]
    ) throws(SchemaError) -> Expression? {
        let count = counts.cut(count)
        if let most = counts.most, count > most { return nil }
        var written: [Expression] = []
        var rest = properties
        var total = count
        // What has to come is written one after the other.
        while let property = rest.first, property.isRequired {
            written.append(member(property, isFirst: total == 0))
            rest.removeFirst()
            total = counts.cut(total + 1)
        }
        if let most = counts.most, total > most { return nil }
        guard let property = rest.first else {
            guard let end = last(total, others, counts) else { return nil }
            return .sequence(written + [end])
        }
        let key = rest.startIndex * 4096 + min(total, 4095)
        if made[key] == nil {
            var choices: [Expression] = []
            let after = rest.dropFirst()
            if let said = try members(after, total + 1, others, counts, &made) {
                choices.append(.sequence([member(property, isFirst: total == 0), said]))
            }
            if let unsaid = try members(after, total, others, counts, &made) { choices.append(unsaid) }
            made[key] = .some(choices.isEmpty ? nil : try add(.choice(choices)))
        }
        guard let found = made[key] ?? nil else { return nil }
        return .sequence(written + [found])
    }

    private func member(_ property: Property, isFirst: Bool) -> Expression {
        .sequence([.literal((isFirst ? "" : ", ") + JSON.string(property.name).text + ": "), property.value])
    }

    /// Properties that the schema does not name, and the end.
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

    /// All that is named or required; nil when something that is required cannot be.
    private func properties(_ flat: [SchemaPart]) throws(SchemaError) -> [Property]? {
        var names: [String] = []
        var required: Set<String> = []
        var seen: Set<String> = []
        for part in flat {
            if let properties = part.schema["properties"] {
                guard let object = properties.objectValue else { throw part.error("properties", "'properties' is an object") }
                for name in object.keys where seen.insert(name).inserted { names.append(name) }
            }
        }
        for part in flat {
            guard let value = part.schema["required"] else { continue }
            // Before draft 4 it was a flag of the property itself.
            if value.boolValue != nil { continue }
            guard let list = value.arrayValue else { throw part.error("required", "'required' is an array of strings") }
            for entry in list {
                guard let name = entry.stringValue else { throw part.error("required", "'required' is an array of strings") }
                required.insert(name)
                if seen.insert(name).inserted { names.append(name) }
            }
        }
        var result: [Property] = []
        for name in names {
            let isRequired = required.contains(name)
            guard try isAllowed(name, flat), let value = try value(of: name, flat) else {
                if isRequired { return nil }
                continue
            }
            result.append(Property(name: name, value: value, isRequired: isRequired))
        }
        return result
    }

    /// What the value of a property has to be; nil when there can be none.
    private func value(of name: String, _ flat: [SchemaPart]) throws(SchemaError) -> Expression? {
        var parts: [SchemaPart] = []
        for part in flat {
            let before = parts.count
            if let found = part.at("properties")?.at(name) { parts.append(found) }
            for (pattern, found) in try patternProperties(part) where try matches(name, pattern) { parts.append(found) }
            if parts.count == before, let found = part.at("additionalProperties") { parts.append(found) }
        }
        if parts.contains(where: { $0.schema == false }) { return nil }
        return try element(parts)
    }

    private func isAllowed(_ name: String, _ flat: [SchemaPart]) throws(SchemaError) -> Bool {
        guard let limits = try nameLimits(flat) else { return true }
        return limits.accepts(name)
    }

    // MARK: Other properties

    /// A property that the schema does not name; nil when there can be none.
    private func others(_ flat: [SchemaPart], besides names: [String]) throws(SchemaError) -> Expression? {
        var patterns: [(pattern: Pattern, value: SchemaPart)] = []
        for part in flat { patterns += try patternProperties(part) }
        // An object with properties is closed, unless it says that it is not.
        let isOpen = flat.allSatisfy { part in
            part.schema["additionalProperties"].map { $0 != false } ?? (part.schema["properties"] == nil && part.schema["patternProperties"] == nil)
        }
        if !isOpen, patterns.isEmpty { return nil }
        let limits = try nameLimits(flat)
        if names.isEmpty, patterns.isEmpty, limits == nil {
            guard let value = try element(flat.compactMap { $0.at("additionalProperties") }) else { return nil }
            return .sequence([quoted(.repeated(try character(), least: 0, most: nil)), .literal(": "), value])
        }
        do {
            return try entries(flat, names, patterns, isOpen, limits)
        } catch let error as SchemaError {
            throw error
        } catch {
            try pass(SchemaError((flat.first?.place ?? "") + "/patternProperties", "\(error)"))
            return nil
        }
    }

    private func entries(
        _ flat: [SchemaPart], _ names: [String], _ patterns: [(pattern: Pattern, value: SchemaPart)], _ isOpen: Bool, _ limits: CharacterAutomaton?
    ) throws -> Expression? {
        var allowed = try CharacterAutomaton.any(of: names).complement
        if let limits { allowed = try allowed.intersection(limits) }
        var choices: [Expression] = []
        func addEntry(_ keys: CharacterAutomaton, _ parts: [SchemaPart]) throws {
            guard !keys.isEmpty, let value = try element(parts) else { return }
            choices.append(.sequence([quoted(try add(keys, character: Self.written)), .literal(": "), value]))
        }
        var left = allowed
        for (index, (pattern, value)) in patterns.enumerated() {
            let keys = try CharacterAutomaton(pattern.expression)
            for other in patterns[(index + 1)...] where try !keys.intersection(CharacterAutomaton(other.pattern.expression)).isEmpty {
                try pass(SchemaError(value.place, "a name could match two of the patterns"))
            }
            try addEntry(allowed.intersection(keys), [value])
            left = try left.intersection(keys.complement)
        }
        if isOpen { try addEntry(left, flat.compactMap { $0.at("additionalProperties") }) }
        return choices.isEmpty ? nil : .choice(choices)
    }

    private func patternProperties(_ part: SchemaPart) throws(SchemaError) -> [(pattern: Pattern, value: SchemaPart)] {
        guard let properties = part.at("patternProperties") else { return [] }
        guard let object = properties.schema.objectValue else { throw part.error("patternProperties", "'patternProperties' is an object") }
        var result: [(pattern: Pattern, value: SchemaPart)] = []
        for key in object.keys {
            guard let value = properties.at(key), let pattern = try pattern(key, of: properties, key) else { continue }
            result.append((pattern, value))
        }
        return result
    }

    private func matches(_ name: String, _ pattern: Pattern) throws(SchemaError) -> Bool {
        do {
            return try CharacterAutomaton(pattern.expression).accepts(name)
        } catch {
            try pass(pattern.part.error(pattern.key, error.description))
            return false
        }
    }

    /// What `propertyNames` leaves of all names; nil when nothing is said.
    private func nameLimits(_ flat: [SchemaPart]) throws(SchemaError) -> CharacterAutomaton? {
        var limits: CharacterAutomaton?
        for part in flat {
            guard let names = part.at("propertyNames"), names.schema != true else { continue }
            do {
                let one = try nameAutomaton(names)
                limits = try limits?.intersection(one) ?? one
            } catch let error as SchemaError {
                throw error
            } catch {
                try pass(part.error("propertyNames", "\(error)"))
            }
        }
        return limits
    }

    private func nameAutomaton(_ names: SchemaPart) throws -> CharacterAutomaton {
        if names.schema == false { return try .any(of: []) }
        for key in names.schema.objectValue?.keys ?? [] where !["type", "pattern", "minLength", "maxLength", "enum", "const"].contains(key) {
            if !SchemaKeywords.isAnnotation(key) { try pass(names.error(key, "'\(key)' cannot be enforced for names")) }
        }
        let lengths = try StringLengths([names])
        var result = try CharacterAutomaton.lengths(lengths.least, lengths.most)
        if let text = names.schema["pattern"]?.stringValue, let pattern = try pattern(text, of: names, "pattern") {
            result = try result.intersection(CharacterAutomaton(pattern.expression))
        }
        if let listed = names.schema["enum"]?.arrayValue ?? names.schema["const"].map({ [$0] }) {
            result = try result.intersection(.any(of: listed.compactMap(\.stringValue)))
        }
        return result
    }
}
