import ShimmyJSON

/// The JSON schemas of values, which the tables of fields are made of.
enum SchemaForms {
    static let anything: JSON = [:]
    static let string: JSON = ["type": "string"]
    static let bool: JSON = ["type": "boolean"]
    static let integer: JSON = ["type": "integer"]
    static let number: JSON = ["type": "number"]
    static let object: JSON = ["type": "object"]
    static let array: JSON = ["type": "array"]
    static let null: JSON = ["type": "null"]
    static let strings = list(of: string)
    static let count = whole(0)

    /// Returns the schema of an integer within a range.
    static func whole(_ minimum: Int, _ maximum: Int? = nil) -> JSON {
        var schema: JSONObject = ["type": "integer", "minimum": .int(minimum)]
        if let maximum { schema["maximum"] = .int(maximum) }
        return .object(schema)
    }

    static func decimal(_ minimum: Double, _ maximum: Double) -> JSON {
        ["type": "number", "minimum": .double(minimum), "maximum": .double(maximum)]
    }

    /// Returns the schema of a string that is one of `words`.
    static func words(_ words: String...) -> JSON { ["type": "string", "enum": .array(words.map(JSON.string))] }

    /// - minimum: the min number of elements.
    static func list(of items: JSON, minimum: Int = 0) -> JSON {
        var schema: JSONObject = ["type": "array", "items": items]
        if minimum > 0 { schema["minItems"] = .int(minimum) }
        return .object(schema)
    }

    /// Returns the schema of a value that fits one of `schemas`.
    static func either(_ schemas: JSON...) -> JSON { ["anyOf": .array(schemas)] }

    static func orNull(_ schema: JSON) -> JSON { either(schema, null) }

    /// Returns a schema that an example fits: an object has all members of the example, and null stands for an optional string.
    static func fitting(_ example: JSON) -> JSON {
        switch example {
        case .null: return ["type": ["string", "null"]]
        case .bool: return bool
        case .number: return number
        case .string: return string
        case .array: return array
        case .object(let object):
            var properties: JSONObject = [:]
            for (name, value) in object { properties[name] = fitting(value) }
            return ["type": "object", "properties": .object(properties), "required": .array(object.keys.map(JSON.string))]
        }
    }
}
