import GRDB
package import ShimmyJSON

// Operations on all kinds of records: items, deletion, metadata.

extension Store {
    /// Returns a page of a record's items; nil if the record does not exist. Throws `StorageError.unknownCursor`.
    package func items(of id: String, _ kind: RecordKind, owner: String, page: Page) async throws -> Listing<StoredItem>? {
        try await read { database in
            guard let serial = try Self.serial(database, id, kind, owner) else { return nil }
            var query = Query("SELECT id, json FROM item WHERE record = ?", [serial])
            if let after = page.after {
                let position = try Int64.fetchOne(
                    database, sql: "SELECT position FROM item WHERE record = ? AND id = ?", arguments: [serial, after])
                guard let position else { throw StorageError.unknownCursor(after) }
                query.add(" AND position \(page.order.beyond) ?", [position])
            }
            query.add(" ORDER BY position \(page.order.rawValue) LIMIT ?", [page.limit + 1])
            return try Self.listing(try query.rows(database), page, Self.item)
        }
    }

    /// Returns an item of a record; nil if the item or the record does not exist.
    package func item(_ itemID: String, of id: String, _ kind: RecordKind, owner: String) async throws -> StoredItem? {
        try await read { database in
            guard let serial = try Self.serial(database, id, kind, owner) else { return nil }
            return try Row.fetchOne(
                database, sql: "SELECT id, json FROM item WHERE record = ? AND id = ?", arguments: [serial, itemID]
            ).map(Self.item)
        }
    }

    /// Returns an item from any record of the owner, the newest if several records contain it; nil if there is none.
    package func item(_ id: String, owner: String) async throws -> StoredItem? {
        try await read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT item.id, item.json FROM item JOIN record ON record.serial = item.record
                    WHERE item.id = ? AND record.owner = ? ORDER BY record.serial DESC LIMIT 1
                    """,
                arguments: [id, owner]
            ).map(Self.item)
        }
    }

    /// Deletes a record. Returns whether it existed.
    package func delete(_ id: String, _ kind: RecordKind, owner: String) async throws -> Bool {
        try await write(frees: true) { database in
            try database.execute(
                sql: "DELETE FROM record WHERE id = ? AND kind = ? AND owner = ?", arguments: [id, kind.rawValue, owner])
            return database.changesCount > 0
        }
    }

    /// Replaces the metadata of a conversation or a chat. Returns whether the record exists.
    package func setMetadata(_ metadata: JSON, of id: String, _ kind: RecordKind, owner: String) async throws -> Bool {
        let (text, time) = (metadata.text, now())
        return try await write { database in
            try database.execute(
                sql: "UPDATE record SET metadata = ?, touched = ? WHERE id = ? AND kind = ? AND owner = ?",
                arguments: [text, time, id, kind.rawValue, owner])
            return database.changesCount > 0
        }
    }
}

// MARK: - Rows

/// A query that is built from parts.
struct Query {
    private var sql: String
    private var arguments: StatementArguments

    init(_ sql: String, _ arguments: StatementArguments) {
        self.sql = sql
        self.arguments = arguments
    }

    mutating func add(_ more: String, _ arguments: StatementArguments = []) {
        sql += more
        self.arguments += arguments
    }

    func rows(_ database: Database) throws -> [Row] { try Row.fetchAll(database, sql: sql, arguments: arguments) }
}

extension Page.Order {
    /// The SQL comparison operator for elements after another one in this order.
    var beyond: String { self == .asc ? ">" : "<" }
}

/// An item in serialized form.
struct ItemText: Sendable {
    let id: String
    let json: String

    init(_ item: StoredItem) {
        id = item.id
        json = item.json.text
    }

    var bytes: Int { id.utf8.count + json.utf8.count }
}

extension Store {
    static func serial(_ database: Database, _ id: String, _ kind: RecordKind, _ owner: String) throws -> Int64? {
        try Int64.fetchOne(
            database, sql: "SELECT serial FROM record WHERE id = ? AND kind = ? AND owner = ?", arguments: [id, kind.rawValue, owner])
    }

    /// Appends items to a record.
    /// - skipsKnown: whether existing items stay unchanged; otherwise they throw `StorageError.duplicate`.
    static func append(_ items: [ItemText], to serial: Int64, skipsKnown: Bool = false, time: Int, _ database: Database) throws {
        var position = try Int64.fetchOne(database, sql: "SELECT max(position) FROM item WHERE record = ?", arguments: [serial]) ?? -1
        var bytes = 0
        for item in items {
            position += 1
            try database.execute(
                sql: "INSERT OR IGNORE INTO item (record, position, id, json) VALUES (?, ?, ?, ?)",
                arguments: [serial, position, item.id, item.json])
            if database.changesCount > 0 {
                bytes += item.bytes
            } else if !skipsKnown {
                throw StorageError.duplicate(item.id)
            }
        }
        try database.execute(
            sql: "UPDATE record SET bytes = bytes + ?, touched = ? WHERE serial = ?", arguments: [bytes, time, serial])
    }

    static func item(_ row: Row) throws -> StoredItem { StoredItem(id: row["id"], json: try json(row["json"])) }

    /// Returns a page. `rows` is the result of a query for one row more than the page's limit.
    static func listing<Element>(_ rows: [Row], _ page: Page, _ element: (Row) throws -> Element) rethrows -> Listing<Element> {
        Listing(data: try rows.prefix(page.limit).map(element), hasMore: rows.count > page.limit)
    }

    static func json(_ text: String) throws -> JSON {
        do {
            // A client's value may be nested as deep as a request allows, and is nested deeper here.
            return try JSON.parse(text, limits: JSONLimits(depth: 256))
        } catch {
            throw StorageError.unavailable("a record cannot be read: \(error)")
        }
    }
}
