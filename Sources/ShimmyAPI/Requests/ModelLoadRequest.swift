package import ShimmyCore
package import ShimmyJSON

/// A request with only the name of a model.
package struct ModelNameRequest: Sendable, Equatable {
    package var model: String

    package init(_ json: JSON) throws(APIError) { model = try FieldReader(json, path: .root).requiredString("model") }
}

/// The decoded request of `POST /v1/models/load`.
package struct ModelLoadRequest: Sendable, Equatable {
    package var model: String
    /// How long the model stays loaded while idle; nil for the server's setting.
    package var keepAlive: KeepAlive?
    package var stream: Bool

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        stream = try fields.bool("stream") ?? false
    }
}
