import ShimmyJSON

/// The keywords of JSON Schema (drafts 4 to 2020-12), by what becomes of them.
enum SchemaKeywords {
    /// Keywords that the compiler replaces by alternatives.
    static let logical = ["anyOf", "oneOf", "not", "if", "dependencies", "dependentRequired", "dependentSchemas"]

    /// Values that a value must not be; the compiler makes it of negations.
    static let excluded = "\u{0}excluded"
    /// A pattern that a string must not match; the compiler makes it of negations.
    static let excludedPattern = "\u{0}pattern"

    /// Constraints that no grammar enforces.
    static let unsupported: Set<String> = ["extends", "disallow", "divisibleBy", "minContains", "maxContains"]

    private static let constraints: Set<String> = unsupported.union(logical).union([
        "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
        "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf", "$ref", "$dynamicRef", "$recursiveRef",
        "nullable", "then", "else", "contains", "unevaluatedProperties", "unevaluatedItems", excluded, excludedPattern,
    ])

    /// Keywords that are known to say nothing of values.
    static let annotations: Set<String> = [
        "$schema", "$id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples",
        "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "discriminator",
    ]

    /// Whether a keyword constrains nothing; every unknown keyword is an annotation.
    static func isAnnotation(_ key: String) -> Bool { !constraints.contains(key) }

    /// Whether a keyword that cannot be enforced constrains nothing here.
    static func saysNothing(_ key: String, _ value: JSON) -> Bool {
        switch key {
        case "extends", "disallow": value.arrayValue?.isEmpty ?? value.isNull
        case "minContains": value == 1
        default: false
        }
    }
}
