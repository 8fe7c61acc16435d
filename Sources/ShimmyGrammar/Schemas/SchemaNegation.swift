import ShimmyJSON

/// Builds schemas of the values that do not fit a given schema.
struct SchemaNegation {
    /// The negation of a schema: a value that fits one of `choices` does not fit the schema.
    struct Result {
        var choices: [JSON] = []
        /// Whether every value that does not fit the schema fits one of the choices.
        var isExact = true

        var schema: JSON { choices.isEmpty ? false : choices.count == 1 ? choices[0] : ["anyOf": .array(choices)] }
    }

    private static let maximumDepth = 8

    private let compiler: SchemaCompiler

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    func negated(_ part: SchemaPart) throws(SchemaError) -> Result { try negated(part, depth: 0) }

    private func negated(_ part: SchemaPart, depth: Int) throws(SchemaError) -> Result {
        if let allows = part.schema.boolValue { return Result(choices: allows ? [] : [true]) }
        guard let object = part.schema.objectValue else { throw SchemaError(part.pointer, "a schema must be an object or a boolean") }
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
        return result
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
