package import ShimmyJSON

/// The decoded request of `POST /v1/conversations`.
package struct ConversationRequest: Sendable, Equatable {
    package var items: [InputItem]
    package var metadata: JSON

    package init(_ json: JSON) throws(APIError) {
        metadata = try SharedFields.metadata(try FieldReader(json, path: .root))
        items = try InputItem.items(in: json, "items", atMost: Self.maximumItems) ?? []
    }

    /// The max number of items in one request.
    static let maximumItems = 20

    package static func newID() -> String { "conv_" + RandomID.make() }
}

/// The decoded request of `POST /v1/conversations/{id}/items`.
package struct ConversationItemsRequest: Sendable, Equatable {
    package var items: [InputItem]

    package init(_ json: JSON) throws(APIError) {
        guard let items = try InputItem.items(in: json, "items", atMost: ConversationRequest.maximumItems) else { throw .missing(.key("items")) }
        if items.isEmpty { throw .emptyArray(.key("items")) }
        self.items = items
    }
}

/// The encoder of conversations, in OpenAI's format.
package enum ConversationEncoder {
    /// - created: the Unix time in seconds.
    package static func conversation(id: String, created: Int, metadata: JSON) -> JSON {
        ["id": .string(id), "object": "conversation", "created_at": .int(created), "metadata": metadata]
    }

    package static func deleted(_ id: String) -> JSON { ["id": .string(id), "object": "conversation.deleted", "deleted": true] }
}
