import ShimmyJSON

/// A decoder of the answer's format: `response_format` of chat completions, `text.format` of responses.
enum FormatDecoder {
    /// Returns the schema of the answer; nil if the answer is unconstrained.
    /// - isStrict: set to whether the schema must follow OpenAI's rules for strict schemas.
    /// - shape: the location of the schema's fields.
    static func schema(
        _ format: FieldReader, _ isStrict: inout Bool, shape: ToolDecoder.Shape = .nested
    ) throws(APIError) -> JSON? {
        let type = try format.requiredString("type")
        switch type {
        case "text": return nil
        case "json_object":
            // llama-server's form: any object, or an object that fits a schema.
            guard shape == .nested, let schema = format.value("schema") else { return ["type": "object"] }
            return try object(schema, format.path(to: "schema"))
        case "json_schema":
            if shape == .nested, let schema = format.value("schema") {
                let path = format.path(to: "schema")
                guard format.value("json_schema") == nil else {
                    throw APIError(
                        status: 400, message: "Invalid '\(path)': the schema is already given in 'json_schema'.", param: "\(path)",
                        code: "invalid_value")
                }
                return try object(schema, path)
            }
            guard let wrapper = shape == .flat ? format : try format.nested("json_schema") else {
                throw .missing(format.path(to: "json_schema"))
            }
            _ = try wrapper.requiredString("name")
            _ = try wrapper.string("description")
            isStrict = try wrapper.bool("strict") ?? false
            let schema = shape == .flat ? try wrapper.required("schema") : wrapper.value("schema") ?? [:]
            return try object(schema, wrapper.path(to: "schema"), isStrict: isStrict)
        default: throw .invalidValue(format.path(to: "type"), type, supported: ["text", "json_object", "json_schema"])
        }
    }

    /// Returns the schema; an empty one becomes a schema that allows any object, unless it is strict: OpenAI's rules require a type then. Throws a 400
    /// if `schema` is not an object.
    static func object(_ schema: JSON, _ path: JSONPath, isStrict: Bool = false) throws(APIError) -> JSON {
        guard let object = schema.objectValue else { throw .wrongType(path, expected: "an object", got: schema) }
        return object.isEmpty && !isStrict ? ["type": "object"] : schema
    }
}
