import GRDB

/// The table of usage, and its rows.
enum UsageSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE usage (
                        day INTEGER NOT NULL,
                        key TEXT NOT NULL,
                        user TEXT NOT NULL,
                        model TEXT NOT NULL,
                        endpoint TEXT NOT NULL,
                        requests INTEGER NOT NULL,
                        errors INTEGER NOT NULL,
                        input_tokens INTEGER NOT NULL,
                        cached_tokens INTEGER NOT NULL,
                        output_tokens INTEGER NOT NULL,
                        reasoning_tokens INTEGER NOT NULL,
                        milliseconds INTEGER NOT NULL,
                        counted_tokens INTEGER NOT NULL,
                        PRIMARY KEY (day, key, user, model, endpoint)
                    ) WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    private static let numbers = [
        "requests", "errors", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "milliseconds", "counted_tokens",
    ]

    /// Adds sums to a row, which need not exist.
    static func add(_ sums: UsageSums, to origin: UsageOrigin, _ database: Database) throws {
        let updates = numbers.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
        try database.execute(
            sql: """
                INSERT INTO usage (day, key, user, model, endpoint, \(numbers.joined(separator: ", ")))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (day, key, user, model, endpoint) DO UPDATE SET \(updates)
                """,
            arguments: [
                origin.day, origin.key, origin.user, origin.model, origin.endpoint, sums.requests, sums.errors, sums.inputTokens,
                sums.cachedTokens, sums.outputTokens, sums.reasoningTokens, sums.milliseconds, sums.countedTokens,
            ])
    }

    /// Returns the sums of the selected rows, ordered by the dimensions.
    static func lines(_ query: UsageQuery, _ database: Database) throws -> [UsageLine] {
        let columns = query.dimensions.map(\.rawValue)
        var conditions = ["day BETWEEN ? AND ?"]
        var arguments: StatementArguments = [query.days.lowerBound, query.days.upperBound]
        for (dimension, values) in query.filters {
            conditions.append("\(dimension.rawValue) IN (\(values.map { _ in "?" }.joined(separator: ", ")))")
            arguments += StatementArguments(values)
        }
        let sums = numbers.map { "COALESCE(sum(\($0)), 0) AS \($0)" }
        var sql = "SELECT \((columns + sums).joined(separator: ", ")) FROM usage WHERE \(conditions.joined(separator: " AND "))"
        if !columns.isEmpty { sql += " GROUP BY \(columns.joined(separator: ", ")) ORDER BY \(columns.joined(separator: ", "))" }
        sql += " LIMIT ?"
        arguments += [query.limit]
        return try Row.fetchAll(database, sql: sql, arguments: arguments).map { row in
            UsageLine(values: columns.map { text(row, $0) }, sums: self.sums(row))
        }
    }

    private static func sums(_ row: Row) -> UsageSums {
        var sums = UsageSums()
        sums.requests = number(row, "requests")
        sums.errors = number(row, "errors")
        sums.inputTokens = number(row, "input_tokens")
        sums.cachedTokens = number(row, "cached_tokens")
        sums.outputTokens = number(row, "output_tokens")
        sums.reasoningTokens = number(row, "reasoning_tokens")
        sums.milliseconds = number(row, "milliseconds")
        sums.countedTokens = number(row, "counted_tokens")
        return sums
    }

    // GRDB's subscripts do not survive a value of another type, which another program may have written.

    private static func number(_ row: Row, _ column: String) -> Int {
        let stored: DatabaseValue = row[column]
        return Int.fromDatabaseValue(stored) ?? 0
    }

    private static func text(_ row: Row, _ column: String) -> String {
        let stored: DatabaseValue = row[column]
        return String.fromDatabaseValue(stored) ?? Int.fromDatabaseValue(stored).map { "\($0)" } ?? ""
    }
}
