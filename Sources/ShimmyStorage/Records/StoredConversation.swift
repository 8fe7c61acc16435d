package import ShimmyJSON

package struct StoredConversation: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package var metadata: JSON
    /// The time of the last change in unix seconds; nil if it was not read. Only lists have it.
    package var updated: Int?

    package init(id: String, owner: String, created: Int, metadata: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.metadata = metadata
    }
}
