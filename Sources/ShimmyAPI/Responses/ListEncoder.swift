package import ShimmyJSON

/// A part of a list, in OpenAI's shape.
package enum ListEncoder {
    /// - hasMore: whether the list goes on after it.
    package static func list(_ data: [JSON], hasMore: Bool) -> JSON {
        [
            "object": "list", "data": .array(data), "first_id": data.first?["id"] ?? "", "last_id": data.last?["id"] ?? "",
            "has_more": .bool(hasMore),
        ]
    }
}
