import GRDB
import ShimmyJSON

extension Store {
    package func insert(_ conversation: StoredConversation, items: [StoredItem]) async throws {
        let (metadata, items, time) = (conversation.metadata.text, items.map(ItemText.init), now())
        let record = NewRecord(
            kind: .conversation, id: conversation.id, owner: conversation.owner, created: conversation.created, touched: time)
        try await write { [self] database in
            let serial = try insert(record, content: [metadata], items: items, database)
            try database.execute(sql: "UPDATE record SET metadata = ? WHERE serial = ?", arguments: [metadata, serial])
        }
    }

    /// Returns a conversation; nil if it does not exist.
    package func conversation(_ id: String, owner: String) async throws -> StoredConversation? {
        try await read { database in
            try Row.fetchOne(
                database, sql: "SELECT id, owner, created, metadata FROM record WHERE id = ? AND kind = ? AND owner = ?",
                arguments: [id, RecordKind.conversation.rawValue, owner]
            ).map { row in
                StoredConversation(id: row["id"], owner: row["owner"], created: row["created"], metadata: try Self.json(row["metadata"]))
            }
        }
    }

    /// Returns a page of the owner's conversations in the order of their creation. Throws `StorageError.unknownCursor`.
    package func conversations(owner: String, page: Page) async throws -> Listing<StoredConversation> {
        try await read { database in
            var query = Query(
                "SELECT id, owner, created, metadata, touched FROM record WHERE owner = ? AND kind = ?",
                [owner, RecordKind.conversation.rawValue])
            if let after = page.after {
                guard let serial = try Self.serial(database, after, .conversation, owner) else { throw StorageError.unknownCursor(after) }
                query.add(" AND serial \(page.order.beyond) ?", [serial])
            }
            query.add(" ORDER BY serial \(page.order.rawValue) LIMIT ?", [page.limit + 1])
            return try Self.listing(try query.rows(database), page) { row in
                var conversation = StoredConversation(
                    id: row["id"], owner: row["owner"], created: row["created"], metadata: try Self.json(row["metadata"]))
                conversation.updated = row["touched"]
                return conversation
            }
        }
    }

    /// Returns all items of a conversation in order; nil if the conversation does not exist. Throws `StorageError.tooLarge` if they exceed
    /// `mostBytes` bytes.
    package func allItems(ofConversation id: String, owner: String, mostBytes: Int = .max) async throws -> [StoredItem]? {
        try await read { database in
            guard let serial = try Self.serial(database, id, .conversation, owner) else { return nil }
            let bytes = try Int.fetchOne(database, sql: "SELECT bytes FROM record WHERE serial = ?", arguments: [serial]) ?? 0
            if bytes > mostBytes { throw StorageError.tooLarge(bytes: bytes, most: mostBytes) }
            return try Row.fetchAll(database, sql: "SELECT id, json FROM item WHERE record = ? ORDER BY position", arguments: [serial])
                .map(Self.item)
        }
    }

    /// Appends all items to a conversation, or none of them. Returns false if the conversation does not exist. Throws
    /// `StorageError.duplicate`, and `StorageError.full` if the owner has no room.
    package func add(_ items: [StoredItem], toConversation id: String, owner: String) async throws -> Bool {
        try await add(items, toConversation: id, owner: owner, after: nil) != .missing
    }

    /// The result of appending items to a conversation.
    package enum Addition: Sendable {
        case added
        /// The conversation does not exist.
        case missing
        /// The conversation has other items than those with the expected IDs. Nothing was appended.
        case changed
    }

    /// Appends all items to a conversation, or none of them. Throws `StorageError.duplicate`, and `StorageError.full` if the owner has no room.
    /// - known: the IDs of all items that the conversation must have, in order; nil for any items.
    package func add(
        _ items: [StoredItem], toConversation id: String, owner: String, after known: [String]?
    ) async throws -> Addition {
        let (items, time) = (items.map(ItemText.init), now())
        return try await write { [housekeeping] database in
            guard let serial = try Self.serial(database, id, .conversation, owner) else { return .missing }
            if let known {
                let ids = try String.fetchAll(database, sql: "SELECT id FROM item WHERE record = ? ORDER BY position", arguments: [serial])
                guard ids == known else { return .changed }
            }
            guard housekeeping.hasRoom(for: owner) else { throw StorageError.full }
            try Self.append(items, to: serial, time: time, database)
            return .added
        }
    }

    /// Deletes an item. Returns whether it existed.
    package func deleteItem(_ itemID: String, ofConversation id: String, owner: String) async throws -> Bool {
        let time = now()
        return try await write(frees: true) { database in
            guard let serial = try Self.serial(database, id, .conversation, owner) else { return false }
            let bytes = try Int.fetchOne(
                database, sql: "DELETE FROM item WHERE record = ? AND id = ? RETURNING length(CAST(id AS BLOB)) + length(CAST(json AS BLOB))",
                arguments: [serial, itemID])
            guard let bytes else { return false }
            try database.execute(
                sql: "UPDATE record SET bytes = bytes - ?, touched = ? WHERE serial = ?", arguments: [bytes, time, serial])
            return true
        }
    }
}
