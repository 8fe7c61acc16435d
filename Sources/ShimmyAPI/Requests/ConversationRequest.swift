import ShimmyChat
package import ShimmyJSON

/// The decoded request of `POST /v1/conversations`.
package struct ConversationRequest: Sendable, Equatable {
    package var items: [InputItem]
    package var metadata: JSON

    package init(_ json: JSON) throws(APIError) {
        metadata = try SharedFields.metadata(try FieldReader(json, path: .root))
        items = try InputItem.items(in: json, "items", atMost: Self.maximumItems, media: .all) ?? []
    }

    /// The max number of items in one request.
    static let maximumItems = 20

    package static func newID() -> String { "conv_" + RandomID.make() }
}

/// The decoded request of `POST /v1/conversations/{id}/items`.
package struct ConversationItemsRequest: Sendable, Equatable {
    package var items: [InputItem]

    package init(_ json: JSON) throws(APIError) {
        let given = try InputItem.items(in: json, "items", atMost: ConversationRequest.maximumItems, media: .all)
        guard let items = given else { throw .missing(.key("items")) }
        if items.isEmpty { throw .emptyArray(.key("items")) }
        self.items = items
    }
}

/// The encoder of conversations, in OpenAI's format.
package enum ConversationEncoder {
    /// - created, updated: Unix times in seconds. Only an element of a list has the second one, in a member that OpenAI's API does not have.
    package static func conversation(id: String, created: Int, metadata: JSON, updated: Int? = nil) -> JSON {
        var object: JSONObject = ["id": .string(id), "object": "conversation", "created_at": .int(created), "metadata": metadata]
        if let updated { object["shimmy"] = ["updated_at": .int(updated)] }
        return .object(object)
    }

    package static func deleted(_ id: String) -> JSON { ["id": .string(id), "object": "conversation.deleted", "deleted": true] }
}
