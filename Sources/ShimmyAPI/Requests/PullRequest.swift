package import ShimmyJSON

/// The decoded request of `POST /v1/models/pull`.
package struct PullRequest: Sendable, Equatable {
    /// A model's name on the Hugging Face hub; see `HubAddress`.
    package var model: String
    package var stream: Bool

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.requiredString("model")
        stream = try fields.bool("stream") ?? true
    }
}
