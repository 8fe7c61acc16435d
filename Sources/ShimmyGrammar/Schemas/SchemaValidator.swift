import ShimmyJSON

/// Checks whether values fit schemas.
struct SchemaValidator {
    /// The max nesting depth of values, references and combinations together; deeper ones are accepted unchecked.
    private static let maximumDepth = 64
    /// The max number of elements that are compared with each other; more are accepted unchecked.
    private static let maximumCompared = 1_000

    private let compiler: SchemaCompiler

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    /// Whether a value fits a schema. Ignores keywords that cannot be enforced.
    func accepts(_ value: JSON, _ part: SchemaPart) throws(SchemaError) -> Bool { try accepts(value, part, 0) }

    func accepts(_ value: JSON, all parts: [SchemaPart]) throws(SchemaError) -> Bool {
        for part in parts where try !accepts(value, part) { return false }
        return true
    }

    func accepts(each values: [JSON], _ part: SchemaPart) throws(SchemaError) -> Bool {
        for value in values where try !accepts(value, part) { return false }
        return true
    }

    /// - depth: the nesting depth so far, limited by `maximumDepth`.
    private func accepts(_ value: JSON, _ part: SchemaPart, _ depth: Int) throws(SchemaError) -> Bool {
        if let allows = part.schema.boolValue { return allows }
        if depth > Self.maximumDepth { return true }
        try compiler.check(part.pointer)
        for (key, argument) in part.schema.objectValue ?? [:] {
            if argument.isNull, key != "const" { continue }
            if try !accepts(value, key, argument, part, depth) { return false }
        }
        switch value {
        case .object(let object): return try acceptsMembers(object, part, depth)
        case .array(let elements): return try acceptsElements(elements, part, depth)
        default: return true
        }
    }

    private func accepts(
        _ value: JSON, _ key: String, _ argument: JSON, _ part: SchemaPart, _ depth: Int
    ) throws(SchemaError) -> Bool {
        switch key {
        case "type": return try SchemaTypes.of(part).contains(SchemaTypes.kind(of: value))
        case "const": return value == argument
        case "enum": return argument.arrayValue?.contains(value) ?? true
        case SchemaKeywords.excluded: return !(argument.arrayValue?.contains(value) ?? false)
        case SchemaKeywords.fraction: return SchemaTypes.kind(of: value) != .integer
        case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum": return acceptsNumber(value, key, argument, part)
        case "multipleOf":
            guard case .number(let number) = value, case .number(let divisor) = argument else { return true }
            return number.isMultiple(of: divisor) ?? true
        case "minLength", "maxLength": return within(value.stringValue?.unicodeScalars.count, key, argument)
        case "minItems", "maxItems": return within(value.arrayValue?.count, key, argument)
        case "minProperties", "maxProperties": return within(value.objectValue?.count, key, argument)
        case "pattern", "format", SchemaKeywords.excludedPattern:
            guard let text = value.stringValue else { return true }
            for pattern in try compiler.patterns([part]) where try !compiler.matches(text, pattern) { return false }
            return true
        case "required":
            guard let object = value.objectValue else { return true }
            return argument.arrayValue?.compactMap(\.stringValue).allSatisfy { object[$0] != nil } ?? true
        case "uniqueItems":
            guard argument == true, let elements = value.arrayValue, elements.count <= Self.maximumCompared else { return true }
            return elements.indices.allSatisfy { index in !elements[..<index].contains(elements[index]) }
        default: return try acceptsCombination(value, key, argument, part, depth)
        }
    }

    private func within(_ count: Int?, _ key: String, _ argument: JSON) -> Bool {
        guard let count, let bound = argument.doubleValue else { return true }
        return key.hasPrefix("min") ? Double(count) >= bound : Double(count) <= bound
    }

    private func acceptsNumber(_ value: JSON, _ key: String, _ argument: JSON, _ part: SchemaPart) -> Bool {
        guard case .number(let number) = value, case .number(let bound) = argument else { return true }
        let (isLess, isMore) = (number.isLess(than: bound), bound.isLess(than: number))
        switch key {
        case "minimum": return part.schema["exclusiveMinimum"] == true ? isMore : !isLess
        case "maximum": return part.schema["exclusiveMaximum"] == true ? isLess : !isMore
        case "exclusiveMinimum": return isMore
        default: return isLess
        }
    }

    private func acceptsCombination(
        _ value: JSON, _ key: String, _ argument: JSON, _ part: SchemaPart, _ depth: Int
    ) throws(SchemaError) -> Bool {
        switch key {
        case "allOf", "anyOf", "oneOf":
            guard let count = argument.arrayValue?.count else { return true }
            var fitting = 0
            for index in 0..<count {
                if let inner = part.at(key, index), try accepts(value, inner, depth + 1) { fitting += 1 }
            }
            return key == "allOf" ? fitting == count : key == "anyOf" ? fitting > 0 : fitting == 1
        case "not": return try part.at("not").map { part throws(SchemaError) in try !accepts(value, part, depth + 1) } ?? true
        case "if":
            guard let test = part.at("if") else { return true }
            guard let next = part.at(try accepts(value, test, depth + 1) ? "then" : "else") else { return true }
            return try accepts(value, next, depth + 1)
        case "$ref", "$dynamicRef", "$recursiveRef":
            guard let text = argument.stringValue, let target = compiler.references.target(of: text, from: part) else { return true }
            return try accepts(value, target, depth + 1)
        case "dependencies", "dependentRequired", "dependentSchemas":
            guard let object = value.objectValue, let all = part.at(key) else { return true }
            for (name, dependency) in argument.objectValue ?? [:] where object[name] != nil {
                if let names = dependency.arrayValue {
                    if !names.compactMap(\.stringValue).allSatisfy({ object[$0] != nil }) { return false }
                } else if let schema = all.at(name), try !accepts(value, schema, depth + 1) {
                    return false
                }
            }
            return true
        default: return true
        }
    }

    /// The keywords whose schemas evaluate members or elements of the same value.
    private static let applicators = [
        "$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependencies",
    ]

    /// Returns the schema for members or elements that no other keyword of a part describes; nil if there is none, or if it is unknown which ones
    /// they are, which is reported.
    /// - key: `unevaluatedProperties` or `unevaluatedItems`.
    private func unevaluated(_ key: String, _ part: SchemaPart) throws(SchemaError) -> SchemaPart? {
        guard let argument = part.value(key), argument != true, !compiler.references.ignoresSiblings else { return nil }
        if Self.applicators.contains(where: { part.value($0) != nil }) {
            try compiler.pass(part.error(key, "'\(key)' cannot be enforced for listed values"))
            return nil
        }
        return part.at(key)
    }

    private func acceptsMembers(_ object: JSONObject, _ part: SchemaPart, _ depth: Int) throws(SchemaError) -> Bool {
        if part.flaggedNames.contains(where: { object[$0] == nil }) { return false }
        let patterns = try compiler.patternProperties(part)
        for (name, value) in object {
            var schemas = [part.at("properties")?.at(name)].compactMap(\.self)
            for (pattern, schema) in patterns where try compiler.matches(name, pattern) { schemas.append(schema) }
            if schemas.isEmpty {
                if let others = part.at("additionalProperties") {
                    schemas = [others]
                } else if let others = try unevaluated("unevaluatedProperties", part) {
                    schemas = [others]
                }
            }
            if let names = part.at("propertyNames"), try !accepts(.string(name), names, depth + 1) { return false }
            for schema in schemas where try !accepts(value, schema, depth + 1) { return false }
        }
        return true
    }

    private func acceptsElements(_ elements: [JSON], _ part: SchemaPart, _ depth: Int) throws(SchemaError) -> Bool {
        let contained = part.at("contains")
        for (index, element) in elements.enumerated() {
            if let schema = compiler.itemSchema(part, at: index) {
                if try !accepts(element, schema, depth + 1) { return false }
            } else if let schema = try unevaluated("unevaluatedItems", part) {
                if let contained, try accepts(element, contained, depth + 1) { continue }
                if try !accepts(element, schema, depth + 1) { return false }
            }
        }
        guard let contained else { return true }
        // Before draft 2019-09, there are no bounds for the count.
        let isBounded = !compiler.references.ignoresSiblings
        let least = isBounded ? part.schema["minContains"]?.doubleValue ?? 1 : 1
        let most = isBounded ? part.schema["maxContains"]?.doubleValue ?? .infinity : .infinity
        var count = 0.0
        for element in elements where try accepts(element, contained, depth + 1) { count += 1 }
        return count >= least && count <= most
    }
}
