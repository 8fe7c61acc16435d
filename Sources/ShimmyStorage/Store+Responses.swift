import GRDB
import ShimmyJSON

extension Store {
    /// Stores a response with its input items. Throws `StorageError.full` if it is larger than a quarter of the storage's limit.
    package func insert(_ response: StoredResponse, input: [StoredItem], events: [StoredEvent] = []) async throws {
        let (object, request) = (response.object.text, response.request?.text)
        let (items, time) = (input.map(ItemText.init), now())
        let record = NewRecord(kind: .response, id: response.id, owner: response.owner, created: response.created, touched: time)
        let events = events.map(EventText.init)
        try await write { [self] database in
            let serial = try insert(record, content: [object, request], items: items, database)
            try database.execute(
                sql: """
                    UPDATE record SET status = ?, model = ?, background = ?, previous = ?, conversation = ?, object = ?, request = ?
                    WHERE serial = ?
                    """,
                arguments: [
                    response.status.rawValue, response.model, response.isBackground, response.previousID, response.conversationID, object,
                    request, serial,
                ])
            try Self.append(events, to: serial, database)
        }
    }

    /// Changes a response. Returns false if it does not exist or is in a status from which the change is not allowed.
    @discardableResult
    package func update(_ id: String, _ change: ResponseChange) async throws -> Bool {
        let (object, time) = (change.object?.text, now())
        let (items, events) = (change.conversationItems.map(ItemText.init), change.events.map(EventText.init))
        return try await write { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT serial, status, conversation, owner FROM record WHERE id = ? AND kind = ?",
                arguments: [id, RecordKind.response.rawValue])
            guard let row, let status = StoredResponse.Status(rawValue: row["status"]), change.from.contains(status) else { return false }
            let serial: Int64 = row["serial"]
            let new = change.status ?? status
            // A finished response never runs again, so that its request is removed.
            try database.execute(
                sql: """
                    UPDATE record SET status = ?1, touched = ?2, object = coalesce(?3, object), request = CASE WHEN ?4 THEN NULL ELSE request END,
                    bytes = bytes + coalesce(length(CAST(?3 AS BLOB)) - length(CAST(object AS BLOB)), 0)
                        - CASE WHEN ?4 THEN coalesce(length(CAST(request AS BLOB)), 0) ELSE 0 END
                    WHERE serial = ?5
                    """,
                arguments: [new.rawValue, time, object, new.isFinal, serial])
            try Self.append(events, to: serial, database)
            if !items.isEmpty, let conversation: String = row["conversation"],
                let target = try Self.serial(database, conversation, .conversation, row["owner"])
            {
                try Self.append(items, to: target, skipsKnown: true, time: time, database)
            }
            return true
        }
    }

    /// Returns a response; nil if it does not exist.
    package func response(_ id: String, owner: String) async throws -> StoredResponse? {
        try await read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM record WHERE id = ? AND kind = ? AND owner = ?",
                arguments: [id, RecordKind.response.rawValue, owner]
            ).map(Self.response)
        }
    }

    /// Returns the events after `number`, in order; -1 returns them from the first. Nil if the response does not exist.
    package func events(of id: String, owner: String, after number: Int, limit: Int = 1000) async throws -> [StoredEvent]? {
        try await read { database in
            guard let serial = try Self.serial(database, id, .response, owner) else { return nil }
            return try Row.fetchAll(
                database, sql: "SELECT number, json FROM event WHERE record = ? AND number > ? ORDER BY number LIMIT ?",
                arguments: [serial, number, limit]
            ).map { StoredEvent(number: $0["number"], json: try Self.json($0["json"])) }
        }
    }

    /// Returns all input items of a response in order; nil if the response does not exist.
    package func input(of id: String, owner: String) async throws -> [StoredItem]? {
        try await read { database in
            guard let serial = try Self.serial(database, id, .response, owner) else { return nil }
            return try Self.items(of: serial, database)
        }
    }

    /// Returns a response with all responses that it continues; nil if the response does not exist. Throws `StorageError.tooLarge` if the
    /// chain exceeds `mostBytes`.
    /// - mostBytes: the max bytes of all turns together.
    package func chain(endingAt id: String, owner: String, mostBytes: Int = .max) async throws -> ResponseChain? {
        try await read { database in
            let bytes = try Int.fetchOne(
                database,
                sql: """
                    WITH RECURSIVE chain (serial, previous, bytes) AS (
                        SELECT serial, previous, bytes FROM record WHERE id = ?1 AND kind = ?2 AND owner = ?3
                        UNION ALL
                        SELECT record.serial, record.previous, record.bytes FROM record JOIN chain ON record.id = chain.previous
                        WHERE record.kind = ?2 AND record.owner = ?3
                    )
                    SELECT sum(bytes) FROM chain
                    """,
                arguments: [id, RecordKind.response.rawValue, owner])
            if let bytes, bytes > mostBytes { throw StorageError.tooLarge(bytes: bytes, most: mostBytes) }
            let rows = try Row.fetchAll(
                database,
                sql: """
                    WITH RECURSIVE chain (serial, previous, depth) AS (
                        SELECT serial, previous, 0 FROM record WHERE id = ?1 AND kind = ?2 AND owner = ?3
                        UNION ALL
                        SELECT record.serial, record.previous, depth + 1 FROM record JOIN chain ON record.id = chain.previous
                        WHERE record.kind = ?2 AND record.owner = ?3
                    )
                    SELECT record.* FROM chain JOIN record ON record.serial = chain.serial ORDER BY depth DESC
                    """,
                arguments: [id, RecordKind.response.rawValue, owner])
            guard !rows.isEmpty else { return nil }
            let turns = try rows.map { ResponseChain.Turn(response: try Self.response($0), input: try Self.items(of: $0["serial"], database)) }
            return ResponseChain(turns: turns, missing: turns[0].response.previousID)
        }
    }

    // MARK: Rows

    static func response(_ row: Row) throws -> StoredResponse {
        guard let status = StoredResponse.Status(rawValue: row["status"]) else {
            throw StorageError.unavailable("a response has an unknown status")
        }
        return StoredResponse(
            id: row["id"], owner: row["owner"], created: row["created"], status: status, model: row["model"], isBackground: row["background"],
            previousID: row["previous"], conversationID: row["conversation"], object: try json(row["object"]),
            request: try (row["request"] as String?).map(json))
    }

    private static func items(of serial: Int64, _ database: Database) throws -> [StoredItem] {
        try Row.fetchAll(database, sql: "SELECT id, json FROM item WHERE record = ? ORDER BY position", arguments: [serial]).map(item)
    }

    private static func append(_ events: [EventText], to serial: Int64, _ database: Database) throws {
        guard !events.isEmpty else { return }
        for event in events {
            try database.execute(
                sql: "INSERT INTO event (record, number, json) VALUES (?, ?, ?)", arguments: [serial, event.number, event.json])
        }
        try database.execute(
            sql: "UPDATE record SET bytes = bytes + ? WHERE serial = ?", arguments: [events.reduce(0) { $0 + $1.json.utf8.count }, serial])
    }
}

/// An event in serialized form.
private struct EventText: Sendable {
    let number: Int
    let json: String

    init(_ event: StoredEvent) {
        number = event.number
        json = event.json.text
    }
}

/// The columns that all kinds of records share.
struct NewRecord: Sendable {
    let kind: RecordKind
    let id: String
    let owner: String
    let created: Int
    let touched: Int
}

extension Store {
    /// Inserts the shared columns and the items of a record. Returns its serial, for the remaining columns.
    /// - content: the texts of the remaining columns, which count towards the record's size.
    func insert(_ record: NewRecord, content: [String?], items: [ItemText], _ database: Database) throws -> Int64 {
        let bytes = content.reduce(0) { $0 + ($1?.utf8.count ?? 0) } + items.reduce(0) { $0 + $1.bytes }
        // One record may displace many others, but not all.
        guard bytes <= limits.bytes / 4, housekeeping.hasRoom(for: record.owner) else { throw StorageError.full }
        if try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM record WHERE id = ?)", arguments: [record.id]) == true {
            throw StorageError.duplicate(record.id)
        }
        try database.execute(
            sql: "INSERT INTO record (kind, id, owner, created, touched, bytes) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [record.kind.rawValue, record.id, record.owner, record.created, record.touched, bytes - items.reduce(0) { $0 + $1.bytes }])
        let serial = database.lastInsertedRowID
        if !items.isEmpty { try Self.append(items, to: serial, time: record.touched, database) }
        return serial
    }
}
