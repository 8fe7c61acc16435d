package import ShimmyAPI
import ShimmyCore
package import ShimmyStorage

/// The items of an owner's stored conversations.
package struct ConversationItems: Sendable {
    private let store: Store
    private let owner: String

    /// The number of attempts to append items to a conversation that other requests change meanwhile.
    private static let attempts = 5

    package init(store: Store, owner: String) {
        self.store = store
        self.owner = owner
    }

    /// Returns all items of a conversation in order. Throws a 404 if the conversation does not exist, and a 400 if it has more items or bytes than a
    /// request may continue.
    /// - field: the request field with the items, for the error about their number.
    func items(of conversation: String, field: String = "input") async throws -> [ResponseItem] {
        try await decoded(try await stored(of: conversation), field: field)
    }

    /// Appends all items to a conversation, or none of them. Throws a 404 if the conversation does not exist, and a 400 for an item that the
    /// conversation already contains, or for an output without a call or with an earlier output.
    package func add(_ items: [ResponseItem], to conversation: String) async throws {
        let added = items.map(StoredItem.init)
        for _ in 0..<Self.attempts {
            switch try await store.add(added, toConversation: conversation, owner: owner, after: try await checked(items, of: conversation)) {
            case .added: return
            case .missing: throw APIError.notFound("Conversation", conversation)
            case .changed: continue
            }
        }
        throw APIError(
            status: 409, message: "The conversation '\(conversation)' changed while the request's items were checked. Retry the request.",
            code: "conversation_changed")
    }

    /// Checks the outputs among new items. Returns the IDs of the conversation's items on which the result depends; nil if it depends on none.
    private func checked(_ items: [ResponseItem], of conversation: String) async throws -> [String]? {
        // The stored items are needed only for outputs of earlier calls.
        if (try? CallOutputs.check(items)) != nil { return nil }
        let stored = try await stored(of: conversation)
        try CallOutputs.check(items, after: try await decoded(stored, field: "items"))
        return stored.map(\.id)
    }

    private func stored(of conversation: String) async throws -> [StoredItem] {
        let most = InputLimits.standard.historyBytes
        guard let items = try await store.allItems(ofConversation: conversation, owner: owner, mostBytes: most) else {
            throw APIError.notFound("Conversation", conversation)
        }
        return items
    }

    private func decoded(_ items: [StoredItem], field: String) async throws -> [ResponseItem] {
        try await ResponseContextFinder.items(field: field) { try items.map { try ResponseItem(stored: $0.json) } }
    }
}

extension StoredItem {
    package init(_ item: ResponseItem) { self.init(id: item.id, json: item.json) }
}
