/// The origin of usage: each combination has a row in the table.
package struct UsageOrigin: Sendable, Hashable {
    package var day: Int
    /// The id of the key; for a key without a name and on a server without keys, the owner of its stored objects.
    package var key: String
    /// The end user that the client named; empty for none.
    package var user: String
    /// The id of the model's record; empty if the model could not be loaded.
    package var model: String
    /// The path of the endpoint.
    package var endpoint: String

    package init(day: Int, key: String, user: String, model: String, endpoint: String) {
        self.day = day
        self.key = key
        self.user = user
        self.model = model
        self.endpoint = endpoint
    }
}

/// The sums of the rows that have some properties in common.
package struct UsageLine: Sendable, Equatable {
    /// The common values, in the order of the dimensions that were asked for.
    package let values: [String]
    package let sums: UsageSums

    package init(values: [String], sums: UsageSums) {
        self.values = values
        self.sums = sums
    }
}

/// A selection of rows, and the properties by which they are summed.
package struct UsageQuery: Sendable {
    /// A property of a row. Its raw value is the column's name.
    package enum Dimension: String, Sendable, CaseIterable {
        case key, user, model, endpoint, day
    }

    /// The days, the last one included.
    package var days: ClosedRange<Int>
    package var dimensions: [Dimension]
    /// The allowed values of a property; a property without an entry may have any.
    package var filters: [Dimension: [String]] = [:]
    /// The max number of lines.
    package var limit = Int.max

    package init(days: ClosedRange<Int>, by dimensions: [Dimension]) {
        self.days = days
        self.dimensions = dimensions
    }
}
