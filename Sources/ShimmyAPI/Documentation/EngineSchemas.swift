import ShimmyJSON

/// The schemas of `GET /v1/engine`.
enum EngineSchemas {
    private typealias Form = SchemaForms

    static let server = object([
        "connections": counts("open", "limit", "client_limit", "refused"), "requests": counts("in_flight", "limit"),
        "bodies": counts("bytes", "limit", "waiting", "waiting_limit"), "histories": counts("bytes", "limit"),
        "workers": counts("threads", "running", "waiting"), "storage": stored, "prefix_cache": stored, "uploads": counts("running", "limit"),
        "names": counts("aliases", "created_models", "limit"), "background": counts("running", "running_limit", "waiting", "owner_limit"),
        "owners": Form.list(of: owner),
    ])

    private static let stored = object(["bytes": Form.orNull(Form.count), "limit": Form.count])

    private static let owner = object([
        "id": described(Form.string, "The id of a key, or a client's address."), "name": described(Form.orNull(Form.string), "The name of the key."),
        "connections": Form.count, "sequences": Form.count, "background": Form.count, "storage_bytes": Form.count,
    ])

    private static func counts(_ names: String...) -> JSON {
        var properties: JSONObject = [:]
        for name in names { properties[name] = Form.count }
        return object(properties)
    }

    private static func object(_ properties: JSONObject) -> JSON { ["type": "object", "properties": .object(properties)] }

    private static func described(_ schema: JSON, _ description: String) -> JSON {
        var object = schema.objectValue ?? [:]
        object["description"] = .string(description)
        return .object(object)
    }
}
