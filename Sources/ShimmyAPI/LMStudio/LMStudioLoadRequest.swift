import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /api/v1/models/load`.
package struct LMStudioLoadRequest: Sendable {
    package let model: String
    /// The context length that the model should have, in tokens; nil for any.
    package let contextLength: Int?
    /// The number of seconds for which the idle model stays loaded; nil for the server's setting.
    package let seconds: Int?
    /// Whether the response has the settings of the loaded model.
    package let tellsSettings: Bool
    package private(set) var ignoredParameters: ReportedNames

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try LMStudioRows.load.check(fields.object)
        model = try fields.requiredString("model")
        contextLength = try fields.integer("context_length", in: 1...Int64(Int32.max)).map { min(Int($0), InputLimits.standard.contextTokens) }
        seconds = try fields.integer("ttl", in: 0...Int64(Int32.max)).map { Int($0) }
        tellsSettings = try fields.bool("echo_load_config") ?? false
    }

    /// Adds a field without effect.
    package mutating func ignore(_ field: String) { ignoredParameters.append(field) }
}
