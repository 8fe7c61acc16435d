package import ShimmyJSON

/// The encoder of one page of a list, in OpenAI's format.
package enum ListEncoder {
    /// - hasMore: whether the list continues after this page.
    package static func list(_ data: [JSON], hasMore: Bool) -> JSON {
        [
            "object": "list", "data": .array(data), "first_id": data.first?["id"] ?? "", "last_id": data.last?["id"] ?? "",
            "has_more": .bool(hasMore),
        ]
    }
}
