import ShimmyJSON

/// Which keywords of JSON Schema (drafts 4 to 2020-12) say what.
enum SchemaKeywords {
    /// Constraints that no grammar holds a text to.
    static let unsupported: Set<String> = [
        "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies", "unevaluatedProperties", "unevaluatedItems",
        "contains", "minContains", "maxContains", "$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy",
    ]

    private static let constraints: Set<String> = unsupported.union([
        "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
        "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "anyOf", "oneOf", "allOf", "$ref", "nullable",
    ])

    /// Those that are known to say nothing of values.
    static let annotations: Set<String> = [
        "$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples", "deprecated",
        "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "discriminator",
    ]

    /// Words for people and tools; every keyword that is not a constraint is one.
    static func isAnnotation(_ key: String) -> Bool { !constraints.contains(key) }

    /// Whether a keyword is there but constrains nothing.
    static func saysNothing(_ key: String, _ value: JSON) -> Bool {
        switch key {
        case "then", "else", "minContains", "maxContains": false
        case "unevaluatedProperties", "unevaluatedItems": value == true
        case "dependentSchemas", "dependentRequired", "dependencies": value.objectValue?.isEmpty ?? false
        default: false
        }
    }
}
