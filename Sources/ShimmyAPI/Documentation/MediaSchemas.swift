import ShimmyJSON

/// The schemas of the fields that upstream servers receive as they are. The server checks only the model.
enum MediaSchemas {
    static let requests: [String: JSON] = {
        var schemas: [String: JSON] = [:]
        for endpoint in Compatibility.media {
            for row in endpoint.request where row.field != "model" {
                schemas["\(endpoint.path) \(row.field)"] =
                    files.contains(row.field) ? file : open.contains(row.field) ? SchemaForms.anything : scalar
            }
        }
        return schemas
    }()

    static let required: [String: Set<String>] = {
        var required: [String: Set<String>] = [:]
        for endpoint in Compatibility.media { required["\(endpoint.method) \(endpoint.path)"] = ["model"] }
        return required
    }()

    private static let files: Set<String> = ["file"]
    /// The fields that can have several values, or an object.
    private static let open: Set<String> = [
        "image", "images", "include", "timestamp_granularities", "chunking_strategy", "known_speaker_names", "known_speaker_references",
    ]
    private static let file: JSON = ["type": "string", "format": "binary"]
    private static let scalar = SchemaForms.either(SchemaForms.string, SchemaForms.number, SchemaForms.bool)
}
