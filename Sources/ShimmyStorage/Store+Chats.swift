import GRDB
import ShimmyJSON

/// The filter of a list of chats.
package struct ChatFilter: Sendable, Equatable {
    package var model: String?
    /// Pairs that the metadata must contain.
    package var metadata: [(key: String, value: String)] = []

    package init(model: String? = nil, metadata: [(key: String, value: String)] = []) {
        self.model = model
        self.metadata = metadata
    }

    package static func == (left: ChatFilter, right: ChatFilter) -> Bool {
        left.model == right.model && left.metadata.elementsEqual(right.metadata, by: ==)
    }
}

extension Store {
    package func insert(_ chat: StoredChat, messages: [StoredItem]) async throws {
        let (metadata, object, items) = (chat.metadata.text, chat.object.text, messages.map(ItemText.init))
        let record = NewRecord(kind: .chat, id: chat.id, owner: chat.owner, created: chat.created, touched: now())
        try await write { [self] database in
            let serial = try insert(record, content: [metadata, object], items: items, database)
            try database.execute(
                sql: "UPDATE record SET model = ?, metadata = ?, object = ? WHERE serial = ?", arguments: [chat.model, metadata, object, serial])
        }
    }

    /// Returns a chat; nil if it does not exist.
    package func chat(_ id: String, owner: String) async throws -> StoredChat? {
        try await read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM record WHERE id = ? AND kind = ? AND owner = ?",
                arguments: [id, RecordKind.chat.rawValue, owner]
            ).map(Self.chat)
        }
    }

    /// Returns a page of the owner's chats. Throws `StorageError.unknownCursor`.
    package func chats(owner: String, filter: ChatFilter = ChatFilter(), page: Page) async throws -> Listing<StoredChat> {
        try await read { database in
            var query = Query("SELECT * FROM record WHERE owner = ? AND kind = ?", [owner, RecordKind.chat.rawValue])
            if let after = page.after {
                guard let serial = try Self.serial(database, after, .chat, owner) else { throw StorageError.unknownCursor(after) }
                query.add(" AND serial \(page.order.beyond) ?", [serial])
            }
            if let model = filter.model { query.add(" AND model = ?", [model]) }
            for pair in filter.metadata {
                query.add(" AND EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)", [pair.key, pair.value])
            }
            query.add(" ORDER BY serial \(page.order.rawValue) LIMIT ?", [page.limit + 1])
            return try Self.listing(try query.rows(database), page, Self.chat)
        }
    }

    private static func chat(_ row: Row) throws -> StoredChat {
        StoredChat(
            id: row["id"], owner: row["owner"], created: row["created"], model: row["model"], metadata: try json(row["metadata"]),
            object: try json(row["object"]))
    }
}
