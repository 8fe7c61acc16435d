package import ShimmyJSON

/// A repair of schemas from programs that do not distinguish empty objects and arrays: PHP's `json_encode` writes an array for both, and the JSON
/// libraries of Lua an object.
package enum SchemaRepair {
    /// Keywords whose values map names to schemas.
    private static let maps: Set = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]
    /// Keywords whose values map names to arrays of names, or to schemas.
    private static let dependencies: Set = ["dependencies", "dependentRequired"]
    /// Keywords whose values are lists of schemas. `items` can be a list or a schema, so that an empty array stays one.
    private static let lists: Set = ["anyOf", "oneOf", "allOf", "prefixItems", "items"]
    private static let emptyObject: JSON = [:]
    private static let emptyArray: JSON = []
    private static let singles: Set = [
        "additionalProperties", "additionalItems", "propertyNames", "contains", "not", "if", "then", "else", "unevaluatedProperties",
        "unevaluatedItems",
    ]

    /// Returns the schema with an empty object in place of each empty array where a keyword needs an object or a schema, and an empty array in place of
    /// an empty object in `required`; nil if there is none. The limit of depth of the parser bounds the recursion.
    package static func repaired(_ schema: JSON) -> JSON? {
        if isEmptyArray(schema) { return emptyObject }
        guard var object = schema.objectValue else { return nil }
        var isChanged = false
        for (key, value) in object {
            guard let new = repaired(value, of: key) else { continue }
            object[key] = new
            isChanged = true
        }
        return isChanged ? .object(object) : nil
    }

    private static func repaired(_ value: JSON, of key: String) -> JSON? {
        if maps.contains(key) { return isEmptyArray(value) ? emptyObject : members(of: value) }
        if dependencies.contains(key) { return isEmptyArray(value) ? emptyObject : nil }
        if key == "required" { return value.objectValue?.isEmpty == true ? emptyArray : nil }
        if singles.contains(key) { return repaired(value) }
        guard lists.contains(key) else { return nil }
        return key == "items" && value.objectValue != nil ? repaired(value) : elements(of: value)
    }

    private static func members(of value: JSON) -> JSON? {
        guard var object = value.objectValue else { return nil }
        var isChanged = false
        for (name, schema) in object {
            guard let new = repaired(schema) else { continue }
            object[name] = new
            isChanged = true
        }
        return isChanged ? .object(object) : nil
    }

    private static func elements(of value: JSON) -> JSON? {
        guard var array = value.arrayValue else { return nil }
        var isChanged = false
        for index in array.indices {
            guard let new = repaired(array[index]) else { continue }
            array[index] = new
            isChanged = true
        }
        return isChanged ? .array(array) : nil
    }

    private static func isEmptyArray(_ value: JSON) -> Bool { value.arrayValue?.isEmpty == true }
}
