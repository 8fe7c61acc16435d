import ShimmyChat
import ShimmyJSON

/// A decoder of `lora`, the LoRA adapters that a request is computed with: by ID, as in llama-server, or by name.
enum AdapterDecoder {
    private static let most = 16
    private static let scales = -10.0...10.0

    /// Returns the adapters; nil if the request leaves them to the model's configuration.
    static func decode(_ fields: FieldReader) throws(APIError) -> [AdapterChoice]? {
        guard let value = fields.value("lora") else { return nil }
        let path = fields.path(to: "lora")
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "an array of objects", got: value) }
        if elements.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
        var choices: [AdapterChoice] = []
        for (index, element) in elements.enumerated() {
            let adapter = try fields.element(element, of: "lora", at: index)
            choices.append(AdapterChoice(try reference(adapter), scale: Float(try adapter.decimal("scale", in: scales) ?? 1)))
        }
        return choices
    }

    private static func reference(_ adapter: FieldReader) throws(APIError) -> AdapterChoice.Reference {
        let name = try adapter.string("name")
        let id = try adapter.integer("id", in: 0...Int64(Int32.max))
        switch (name, id) {
        case (let name?, nil): return .name(name)
        case (nil, let id?): return .index(Int(id))
        case (nil, nil): throw .missing(adapter.path(to: "name"))
        case (_?, _?):
            throw APIError(
                status: 400, message: "Invalid '\(adapter.path(to: "id"))': give the adapter's name or its id, not both.",
                param: "\(adapter.path(to: "id"))", code: "invalid_value")
        }
    }
}
