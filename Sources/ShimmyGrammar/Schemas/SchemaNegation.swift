import ShimmyJSON

/// Builds schemas of the values that do not fit a given schema.
final class SchemaNegation {
    /// The negation of a schema: a value that fits one of `choices` does not fit the schema.
    struct Result {
        var choices: [JSON] = []
        /// Whether every value that does not fit the schema fits one of the choices.
        var isExact = true

        var schema: JSON { choices.isEmpty ? false : choices.count == 1 ? choices[0] : ["anyOf": .array(choices)] }
    }

    private static let maximumDepth = 8
    /// The max number of schemas in one negation that includes those of elements and of `oneOf`: recursive schemas lead to many of them.
    private static let maximumSchemas = 200
    /// The max number of members of a `oneOf` whose values can be described that fit two members.
    private static let maximumPaired = 4

    private let compiler: SchemaCompiler
    private var schemas = 0

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    func negated(_ part: SchemaPart) throws(SchemaError) -> Result { try negated(part, depth: 0) }

    private func negated(_ part: SchemaPart, depth: Int) throws(SchemaError) -> Result {
        if let allows = part.schema.boolValue { return Result(choices: allows ? [] : [true]) }
        guard let object = part.schema.objectValue else { throw SchemaError(part.pointer, "a schema must be an object or a boolean") }
        schemas += 1
        var result = Result()
        if depth > Self.maximumDepth {
            result.isExact = false
            return result
        }
        try compiler.check(part.pointer)
        if let target = object["$ref"], compiler.references.ignoresSiblings, !part.isDerived {
            try negate("$ref", target, part, depth, &result)
            return result
        }
        for (key, value) in object where !SchemaKeywords.isAnnotation(key) && part.value(key) != nil {
            try negate(key, value, part, depth, &result)
        }
        result.choices = Self.merged(result.choices)
        return result
    }

    /// Returns the choices with a single one for a property that is absent or does not fit, instead of one for each case. Each choice multiplies the
    /// alternatives of the schemas that use the negation.
    private static func merged(_ choices: [JSON]) -> [JSON] {
        let properties = choices.map { Self.property(of: $0) }
        var (absent, present) = (JSONObject(), JSONObject())
        for property in properties.compactMap(\.self) {
            if property.isRequired {
                present[property.name] = true
            } else if property.value == false {
                absent[property.name] = true
            }
        }
        var result: [JSON] = []
        for (choice, property) in zip(choices, properties) {
            guard let property, absent[property.name] != nil, present[property.name] != nil else {
                result.append(choice)
                continue
            }
            if property.isRequired {
                result.append(["type": "object", "properties": .object([property.name: property.value])])
            } else if property.value != false {
                result.append(choice)
            }
        }
        return result
    }

    /// Returns the property that a choice constrains; nil if the choice says more or something else.
    private static func property(of choice: JSON) -> (name: String, value: JSON, isRequired: Bool)? {
        guard let object = choice.objectValue, object["type"] == "object", let properties = object["properties"]?.objectValue,
            properties.count == 1, let (name, value) = properties.first(where: { _ in true })
        else { return nil }
        if object.count == 2 { return (name, value, false) }
        let required: JSON = [.string(name)]
        return object.count == 3 && object["required"] == required ? (name, value, true) : nil
    }

    private func negate(_ key: String, _ value: JSON, _ part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        switch key {
        case "type": negate(type: value, isNullable: part.schema["nullable"] == true, &result)
        case "nullable": break  // It adds a type to `type`, and has no effect alone.
        case "const": negate(values: [value], &result)
        case "enum": negate(values: value.arrayValue ?? [], &result)
        case "required":
            for name in value.arrayValue?.compactMap(\.stringValue) ?? [] {
                result.choices.append(["type": "object", "properties": .object([name: false])])
            }
        case "properties": try negate(properties: part, depth, &result)
        case "minimum" where part.schema["exclusiveMinimum"]?.boolValue == nil: add("number", "exclusiveMaximum", value, &result)
        case "maximum" where part.schema["exclusiveMaximum"]?.boolValue == nil: add("number", "exclusiveMinimum", value, &result)
        case "exclusiveMinimum" where value.boolValue == nil: add("number", "maximum", value, &result)
        case "exclusiveMaximum" where value.boolValue == nil: add("number", "minimum", value, &result)
        case "minLength": add("string", "maxLength", below: value, &result)
        case "maxLength": add("string", "minLength", above: value, &result)
        case "minItems": add("array", "maxItems", below: value, &result)
        case "maxItems": add("array", "minItems", above: value, &result)
        case "minProperties": add("object", "maxProperties", below: value, &result)
        case "maxProperties": add("object", "minProperties", above: value, &result)
        case "pattern": result.choices.append(.object(["type": "string", SchemaKeywords.excludedPattern: [value]]))
        case "not": if let inner = part.at("not") { result.choices.append(inner.schema) }
        case "allOf":
            for index in 0..<(value.arrayValue?.count ?? 0) { if let inner = part.at(key, index) { try add(inner, depth, &result) } }
        case "anyOf": try negate(anyOf: part, depth, &result)
        case "oneOf" where schemas <= Self.maximumSchemas: try negate(oneOf: part, depth, &result)
        case "items" where schemas <= Self.maximumSchemas: try negate(items: part, depth, &result)
        case "contains" where schemas <= Self.maximumSchemas: try negate(contains: part, depth, &result)
        case "uniqueItems" where value == false: break
        case "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems":
            if !Self.acceptsAll(value) { result.isExact = false }
        case "$ref":
            guard let text = value.stringValue, let target = compiler.references.target(of: text, from: part) else { return result.isExact = false }
            try add(target, depth, &result)
        default: result.isExact = false
        }
    }

    private func add(_ part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        let other = try negated(part, depth: depth + 1)
        result.choices += other.choices
        result.isExact = result.isExact && other.isExact
    }

    private func negate(values: [JSON], _ result: inout Result) {
        var choice: JSONObject = [:]
        let (array, object): (JSON, JSON) = ([], [:])
        if values.contains(array) { choice["minItems"] = 1 }
        if values.contains(object) { choice["minProperties"] = 1 }
        choice[SchemaKeywords.excluded] = .array(values.filter { $0 != array && $0 != object })
        result.choices.append(.object(choice))
    }

    private func negate(type: JSON, isNullable: Bool, _ result: inout Result) {
        var kinds = Set(SchemaTypes.Kind.allCases)
        if isNullable { kinds.remove(.null) }
        for name in type.arrayValue ?? [type] {
            // In draft 3, `any` allows all types.
            if name == "any" { return }
            guard let kind = name.stringValue.flatMap(SchemaTypes.Kind.init) else { continue }
            kinds.remove(kind)
            if kind == .number { kinds.remove(.integer) }
        }
        // Without integers, the numbers that are left have a fraction.
        let hasFractions = !kinds.contains(.integer) && kinds.remove(.number) != nil
        let names = SchemaTypes.Kind.allCases.filter(kinds.contains).map { JSON.string($0.rawValue) }
        if !names.isEmpty { result.choices.append(["type": .array(names)]) }
        if hasFractions { result.choices.append(["type": "number", SchemaKeywords.fraction: true]) }
    }

    private func negate(properties part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        guard let properties = part.at("properties") else { return }
        for name in properties.schema.objectValue?.keys ?? [] {
            guard let property = properties.at(name) else { continue }
            if property.schema["required"] == true { result.choices.append(["type": "object", "properties": .object([name: false])]) }
            let other = try negated(property, depth: depth + 1)
            result.isExact = result.isExact && other.isExact
            if other.choices.isEmpty { continue }
            result.choices.append(["type": "object", "required": [.string(name)], "properties": .object([name: other.schema])])
        }
    }

    private func negate(anyOf part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        var all: [JSON] = []
        for index in 0..<(part.schema["anyOf"]?.arrayValue?.count ?? 0) {
            guard let inner = part.at("anyOf", index) else { continue }
            let other = try negated(inner, depth: depth + 1)
            result.isExact = result.isExact && other.isExact
            if other.choices.isEmpty { return }
            all.append(other.schema)
        }
        result.choices.append(["allOf": .array(all)])
    }

    /// Adds the values that fit no member, and those that fit two members. Adds nothing if these are not all.
    private func negate(oneOf part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        let members = (0..<(part.schema["oneOf"]?.arrayValue?.count ?? 0)).compactMap { part.at("oneOf", $0) }
        let canPair = members.count <= Self.maximumPaired && !members.contains { hasIgnoredKeywords($0) }
        guard canPair else { return result.isExact = false }
        var choices: [JSON] = []
        if !members.contains(where: { Self.acceptsAll($0.schema) }) {
            var all: [JSON]? = []
            for member in members {
                let other = try negated(member, depth: depth + 1)
                guard other.isExact else { return result.isExact = false }
                if other.choices.isEmpty { all = nil } else { all?.append(other.schema) }
            }
            if let all { choices.append(["allOf": .array(all)]) }
        }
        for (index, member) in members.enumerated() {
            for other in members[..<index] { choices.append(["allOf": [other.schema, member.schema]]) }
        }
        result.choices += choices
    }

    /// Adds arrays with an element that does not fit the schema of all elements. Adds nothing if these are not all.
    private func negate(items part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        guard part.schema["prefixItems"] == nil, let items = part.at("items"), items.schema.arrayValue == nil else { return result.isExact = false }
        if Self.acceptsAll(items.schema) { return }
        let other = try negated(items, depth: depth + 1)
        guard other.isExact else { return result.isExact = false }
        if !other.choices.isEmpty { result.choices.append(["type": "array", "contains": other.schema]) }
    }

    /// Adds arrays none of whose elements fits `contains`. Adds nothing if these are not all.
    private func negate(contains part: SchemaPart, _ depth: Int, _ result: inout Result) throws(SchemaError) {
        guard part.schema["minContains"] == nil, part.schema["maxContains"] == nil, let contained = part.at("contains") else {
            return result.isExact = false
        }
        let other = try negated(contained, depth: depth + 1)
        guard other.isExact else { return result.isExact = false }
        result.choices.append(other.choices.isEmpty ? ["type": "array", "maxItems": 0] : ["type": "array", "items": other.schema])
    }

    private static func acceptsAll(_ schema: JSON) -> Bool {
        schema == true || schema.objectValue?.allSatisfy { SchemaKeywords.isAnnotation($0.key) } ?? false
    }

    /// Whether the schema contains keywords that have no effect beside a `$ref` in its draft. They would have one in a derived schema.
    private func hasIgnoredKeywords(_ part: SchemaPart) -> Bool {
        guard compiler.references.ignoresSiblings, !part.isDerived else { return false }
        var open = [part.schema]
        while let schema = open.popLast() {
            if let array = schema.arrayValue { open += array }
            guard let object = schema.objectValue else { continue }
            if object["$ref"] != nil, object.contains(where: { $0.key != "$ref" && !SchemaKeywords.isAnnotation($0.key) }) { return true }
            open += object.map(\.value)
        }
        return false
    }

    private func add(_ type: String, _ key: String, _ value: JSON, _ result: inout Result) {
        result.choices.append(.object(["type": .string(type), key: value]))
    }

    private func add(_ type: String, _ key: String, below value: JSON, _ result: inout Result) {
        guard let count = value.intValue, count > 0 else { return }
        result.choices.append(.object(["type": .string(type), key: .int(count - 1)]))
    }

    private func add(_ type: String, _ key: String, above value: JSON, _ result: inout Result) {
        guard let count = value.intValue, count < Int.max else { return }
        result.choices.append(.object(["type": .string(type), key: .int(count + 1)]))
    }
}
