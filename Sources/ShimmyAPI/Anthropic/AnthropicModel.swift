package import ShimmyJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A model as Anthropic's API describes it.
package struct AnthropicModel: Sendable, Equatable {
    package let id: String
    private let displayName: String
    private let created: Int
    private let contextLength: Int?

    /// - created: the Unix time in seconds.
    /// - contextLength: the max number of tokens of prompt and answer together; nil if unknown.
    package init(id: String, displayName: String, created: Int, contextLength: Int?) {
        self.id = id
        self.displayName = displayName
        self.created = created
        self.contextLength = contextLength
    }

    package var json: JSON {
        let length = contextLength.map(JSON.int) ?? .null
        return [
            "type": "model", "id": .string(id), "display_name": .string(displayName),
            "created_at": .string(Date(timeIntervalSince1970: Double(created)).formatted(.iso8601)),
            "lifecycle": "active", "deprecated_at": .null, "retires_at": .null, "line": .null, "max_input_tokens": length,
            "max_tokens": length, "capabilities": .null,
        ]
    }

    /// Returns a page of a list, the newest models first. Throws a 400 for an unknown cursor.
    /// - after: the id of the model before the page; nil for the beginning of the list.
    /// - before: the id of the model after the page; nil for the end of the list. If it is given without `after`, the page ends there.
    package static func page(_ models: [AnthropicModel], limit: Int, after: String?, before: String?) throws(APIError) -> JSON {
        let sorted = models.sorted { ($1.created, $0.id) < ($0.created, $1.id) }
        let first = after == nil ? 0 : try index(of: after, in: sorted, "after_id") + 1
        let end = before == nil ? sorted.count : try index(of: before, in: sorted, "before_id")
        let range = sorted[first..<max(first, end)]
        let page = before != nil && after == nil ? range.suffix(limit) : range.prefix(limit)
        func id(_ model: AnthropicModel?) -> JSON { model.map { JSON.string($0.id) } ?? .null }
        return [
            "data": .array(page.map(\.json)), "has_more": .bool(page.count < range.count), "first_id": id(page.first), "last_id": id(page.last),
        ]
    }

    private static func index(of id: String?, in models: [AnthropicModel], _ field: String) throws(APIError) -> Int {
        if let index = models.firstIndex(where: { $0.id == id }) { return index }
        throw APIError(status: 400, message: "Invalid '\(field)': there is no '\(id ?? "")' in the list.", param: field, code: "invalid_value")
    }
}
