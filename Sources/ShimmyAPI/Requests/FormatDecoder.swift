import ShimmyJSON

/// What an answer has to look like: `response_format` of chat completions, `text.format` of responses.
enum FormatDecoder {
    /// The schema that an answer has to fit; nil where it is free.
    /// - isStrict: set to whether the schema has to keep OpenAI's rules for strict ones.
    /// - shape: where a schema's fields are.
    static func schema(
        _ format: FieldReader, _ isStrict: inout Bool, shape: ToolDecoder.Shape = .nested
    ) throws(APIError) -> JSON? {
        let type = try format.requiredString("type")
        switch type {
        case "text": return nil
        case "json_object": return ["type": "object"]
        case "json_schema":
            guard let wrapper = shape == .flat ? format : try format.nested("json_schema") else {
                throw .missing(format.path(to: "json_schema"))
            }
            _ = try wrapper.requiredString("name")
            _ = try wrapper.string("description")
            isStrict = try wrapper.bool("strict") ?? false
            let schema = shape == .flat ? try wrapper.required("schema") : wrapper.value("schema") ?? [:]
            guard let object = schema.objectValue else { throw .wrongType(wrapper.path(to: "schema"), expected: "an object", got: schema) }
            return object.isEmpty ? ["type": "object"] : schema
        default: throw .invalidValue(format.path(to: "type"), type, supported: ["text", "json_object", "json_schema"])
        }
    }
}
