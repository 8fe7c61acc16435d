package import ShimmyJSON

/// OpenAI's rules for `strict` schemas: every object must list all of its properties. Keywords that OpenAI does not support are allowed if they can
/// be enforced.
package enum StrictSchema {
    /// Returns the violated rule in OpenAI's words; nil when the schema is strict.
    package static func obstacle(in schema: JSON) -> String? {
        let types = schema["type"]
        if types != "object" {
            return "schema must be a JSON Schema of 'type: \"object\"', got 'type: \(types.map { $0.text } ?? "\"None\"")'."
        }
        return obstacle(in: schema, context: [])
    }

    /// Returns the schema with every object closed and every property required; nil when an object may have unnamed properties or a keyword is not
    /// permitted. OpenAI does this with a function's schema in a response that does not set `strict`.
    package static func made(of schema: JSON) -> JSON? {
        let made = closed(schema)
        return schema["type"] == "object" && obstacle(in: made) == nil ? made : nil
    }

    private static func closed(_ schema: JSON) -> JSON {
        guard var object = schema.objectValue else { return schema }
        if let properties = object["properties"]?.objectValue {
            if object["additionalProperties"] == nil { object["additionalProperties"] = false }
            object["required"] = .array(properties.keys.map { .string($0) })
        }
        for (key, value) in object { object[key] = withParts(of: value, at: key, closed) }
        return .object(object)
    }

    /// Keywords whose values contain schemas: by name, in a list, or as the value itself.
    private static let maps: Set = ["properties", "$defs", "definitions", "patternProperties"]
    private static let lists: Set = ["anyOf", "oneOf", "allOf", "prefixItems"]
    private static let singles: Set = ["items", "additionalProperties"]

    /// Returns a keyword's value with each schema in it replaced by `change`.
    private static func withParts(of value: JSON, at key: String, _ change: (JSON) -> JSON) -> JSON {
        if maps.contains(key), let members = value.objectValue {
            return .object(members.reduce(into: JSONObject()) { $0[$1.key] = change($1.value) })
        }
        if lists.contains(key), let elements = value.arrayValue { return .array(elements.map(change)) }
        return singles.contains(key) ? change(value) : value
    }

    private static func obstacle(in schema: JSON, context: [String]) -> String? {
        guard let object = schema.objectValue else { return nil }
        let place = "In context=(" + context.map { "'\($0)'" }.joined(separator: ", ") + (context.count == 1 ? "," : "") + ")"
        if let key = object.keys.first(where: { !isPermitted($0) }) { return "\(place), '\(key)' is not permitted." }
        let types = object["type"]?.arrayValue ?? object["type"].map { [$0] } ?? []
        if types.contains("object") || object["properties"] != nil {
            if object["additionalProperties"] != false {
                return "\(place), 'additionalProperties' is required to be supplied and to be false."
            }
            let required = object["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
            if let missing = object["properties"]?.objectValue?.keys.first(where: { !required.contains($0) }) {
                return "\(place), 'required' is required to be supplied and to be an array including every key in properties. Missing '\(missing)'."
            }
        }
        return parts(of: object).lazy.compactMap { obstacle(in: $0.schema, context: context + $0.path) }.first
    }

    private static func isPermitted(_ key: String) -> Bool { !SchemaKeywords.isAnnotation(key) || SchemaKeywords.annotations.contains(key) }

    /// Returns the schemas directly inside a schema, with their paths.
    private static func parts(of object: JSONObject) -> [(path: [String], schema: JSON)] {
        var result: [(path: [String], schema: JSON)] = []
        for (key, value) in object {
            if maps.contains(key) {
                for (name, schema) in value.objectValue ?? [:] { result.append(([key, name], schema)) }
            } else if lists.contains(key) {
                for (index, schema) in (value.arrayValue ?? []).enumerated() { result.append(([key, "\(index)"], schema)) }
            } else if singles.contains(key) {
                result.append(([key], value))
            }
        }
        return result
    }
}
