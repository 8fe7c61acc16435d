// The stored records. Every record has an owner, and only its owner can find it.

package import ShimmyJSON

/// An element of a record's ordered list: an input item of a response, an item of a conversation, or a message of a chat.
package struct StoredItem: Sendable, Equatable {
    /// The id, unique in its record.
    package let id: String
    package let json: JSON

    package init(id: String, json: JSON) {
        self.id = id
        self.json = json
    }
}
