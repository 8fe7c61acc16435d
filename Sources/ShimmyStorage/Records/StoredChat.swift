package import ShimmyJSON

/// A stored chat completion.
package struct StoredChat: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package let model: String
    package var metadata: JSON
    /// The completion's object as clients saw it, without the metadata.
    package let object: JSON

    package init(id: String, owner: String, created: Int, model: String, metadata: JSON, object: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.model = model
        self.metadata = metadata
        self.object = object
    }
}
