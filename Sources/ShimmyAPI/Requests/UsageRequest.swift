import ShimmyJSON

/// The decoded query of `GET /v1/organization/usage/completions` and `/embeddings`. All buckets are days in UTC.
package struct UsageRequest: Sendable, Equatable {
    /// A property by which results are grouped.
    package enum Group: String, Sendable, CaseIterable {
        case user = "user_id"
        case key = "api_key_id"
        case model

        /// The name of the parameter that selects values.
        var filter: String {
            switch self {
            case .user: "user_ids"
            case .key: "api_key_ids"
            case .model: "models"
            }
        }
    }

    private enum Width: String, CaseIterable {
        case day = "1d"
    }

    /// The days of the page, the last one included, as days since 1970.
    package let days: ClosedRange<Int>
    package let groups: [Group]
    /// The selected values; a property without an entry may have any.
    package let filters: [Group: [String]]
    /// Whether there are further days after the page.
    let hasMore: Bool

    private static let daySeconds = 86_400
    private static let times = 0...100_000_000_000
    private static let pagePrefix = "page_"

    /// - now: the seconds since 1970.
    package init(_ query: QueryReader, now: Int) throws(APIError) {
        let groups = Group.allCases
        try query.check(["start_time", "end_time", "bucket_width", "limit", "page"], lists: ["group_by"] + groups.map(\.filter))
        guard let start = try query.integer("start_time", in: Self.times) else { throw .missing(.key("start_time")) }
        let end = try query.integer("end_time", in: Self.times) ?? now + 1
        if end <= start { throw .belowMinimum(.key("end_time"), kind: "integer", minimum: "\(start + 1)", got: "\(end)") }
        _ = try query.choice("bucket_width", as: Width.self)
        let limit = try query.integer("limit", in: 1...31) ?? 7
        let last = (end - 1) / Self.daySeconds
        let first = try Self.page(query) ?? start / Self.daySeconds
        guard (start / Self.daySeconds...last).contains(first) else { throw Self.badPage }
        days = first...min(last, first + limit - 1)
        hasMore = days.upperBound < last
        var chosen: [Group] = []
        for name in query.list("group_by") {
            guard let group = Group(rawValue: name) else {
                throw .invalidValue(.key("group_by"), name, supported: groups.map(\.rawValue))
            }
            if !chosen.contains(group) { chosen.append(group) }
        }
        self.groups = chosen
        var filters: [Group: [String]] = [:]
        for group in groups {
            let values = query.list(group.filter)
            if values.count > Self.mostValues { throw .arrayTooLong(.key(group.filter), maximum: Self.mostValues, got: values.count) }
            if !values.isEmpty { filters[group] = values }
        }
        self.filters = filters
    }

    private static let mostValues = 1000

    /// Returns the first day of the requested page; nil for the first page.
    private static func page(_ query: QueryReader) throws(APIError) -> Int? {
        guard let text = query.string("page") else { return nil }
        guard text.hasPrefix(pagePrefix), let day = Int(text.dropFirst(pagePrefix.count)) else { throw badPage }
        return day
    }

    private static let badPage = APIError(
        status: 400, message: "Invalid 'page': use the 'next_page' of the previous page with the same times.", param: "page",
        code: "invalid_value")

    /// The value of `page` for the next page; nil if this is the last one.
    var nextPage: String? { hasMore ? "\(Self.pagePrefix)\(days.upperBound + 1)" : nil }

    /// Returns the first second of a day.
    static func start(ofDay day: Int) -> Int { day * daySeconds }
}
