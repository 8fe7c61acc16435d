import GRDB
import ShimmyJSON

/// Marks responses as failed if their process ended while it made them.
enum Interruption {
    static let message = "The response was interrupted by a restart of the server."

    /// Marks all responses in progress as failed. Returns their number.
    static func failUnfinished(_ database: Database, now: Int) throws -> Int {
        let rows = try Row.fetchAll(database, sql: "SELECT serial, object FROM record WHERE status = 'in_progress'")
        for row in rows {
            let (serial, object): (Int64, JSON) = (row["serial"], failed(try Store.json(row["object"])))
            try database.execute(
                sql: "UPDATE record SET status = 'failed', object = ?, request = NULL, touched = ? WHERE serial = ?",
                arguments: [object.text, now, serial])
            // A client that reads the stream again gets the failure as its last event.
            let last = try Int.fetchOne(database, sql: "SELECT max(number) FROM event WHERE record = ?", arguments: [serial])
            if let last {
                let event: JSON = ["type": "response.failed", "sequence_number": .int(last + 1), "response": object]
                try database.execute(
                    sql: "INSERT INTO event (record, number, json) VALUES (?, ?, ?)", arguments: [serial, last + 1, event.text])
            }
        }
        return rows.count
    }

    /// Returns the response's object as clients see it after the failure.
    static func failed(_ object: JSON) -> JSON {
        guard var members = object.objectValue else { return object }
        members["status"] = "failed"
        members["error"] = ["code": "server_error", "message": .string(message)]
        return .object(members)
    }
}
