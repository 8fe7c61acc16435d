package import ShimmyJSON

package struct StoredConversation: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package var metadata: JSON

    package init(id: String, owner: String, created: Int, metadata: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.metadata = metadata
    }
}
