import ShimmyJSON

/// The keywords of JSON Schema (drafts 4 to 2020-12), by their treatment.
enum SchemaKeywords {
    /// Keywords that the compiler replaces by alternatives.
    static let logical = ["anyOf", "oneOf", "not", "if", "dependencies", "dependentRequired", "dependentSchemas"]

    /// The keyword for values that a value must not equal; the compiler derives it from negations.
    static let excluded = "\u{0}excluded"
    /// The keyword for a pattern that a string must not match; the compiler derives it from negations.
    static let excludedPattern = "\u{0}pattern"

    /// The keyword for numbers that are not integers; the compiler derives it from negations.
    static let fraction = "\u{0}fraction"

    /// The types of the values that a keyword constrains, for keywords that constrain values of one type.
    static let subjects: [String: SchemaTypes.Kind] = [
        "properties": .object, "required": .object, "additionalProperties": .object, "patternProperties": .object, "propertyNames": .object,
        "minProperties": .object, "maxProperties": .object, "unevaluatedProperties": .object,
        "items": .array, "prefixItems": .array, "additionalItems": .array, "minItems": .array, "maxItems": .array, "uniqueItems": .array,
        "contains": .array, "unevaluatedItems": .array,
        "minLength": .string, "maxLength": .string, "pattern": .string,
        "minimum": .number, "maximum": .number, "exclusiveMinimum": .number, "exclusiveMaximum": .number, "multipleOf": .number,
    ]

    /// Constraints that the compiler cannot enforce.
    static let unsupported: Set<String> = ["extends", "disallow", "divisibleBy", "minContains", "maxContains"]

    private static let constraints: Set<String> = unsupported.union(logical).union([
        "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
        "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf", "$ref", "$dynamicRef", "$recursiveRef",
        "nullable", "then", "else", "contains", "unevaluatedProperties", "unevaluatedItems", excluded, excludedPattern, fraction,
    ])

    /// Known keywords that do not constrain values by themselves. `discriminator` makes a property of the alternatives beside it required.
    static let annotations: Set<String> = [
        "$schema", "$id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples",
        "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "discriminator",
    ]

    /// Whether a keyword does not constrain values; every unknown keyword is an annotation.
    static func isAnnotation(_ key: String) -> Bool { !constraints.contains(key) }

    /// Whether an unsupported keyword has no effect with this value.
    static func saysNothing(_ key: String, _ value: JSON) -> Bool {
        switch key {
        case "extends", "disallow": value.arrayValue?.isEmpty ?? value.isNull
        case "minContains": value == 1 || value == 0
        default: false
        }
    }
}
