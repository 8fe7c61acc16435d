/// The part of a list that a request asks for.
package struct Page: Sendable, Equatable {
    package enum Order: String, Sendable, CaseIterable {
        /// Oldest first.
        case asc
        case desc
    }

    package static let limits = 1...100

    package var limit: Int
    package var order: Order
    /// The id after which the page begins, in the list's order; nil for the first page.
    package var after: String?

    package init(limit: Int = 20, order: Order = .desc, after: String? = nil) {
        self.limit = limit
        self.order = order
        self.after = after
    }
}

/// A page of a list.
package struct Listing<Element: Sendable>: Sendable {
    package let data: [Element]
    /// Whether the list has further elements.
    package let hasMore: Bool
}

extension Listing: Equatable where Element: Equatable {}
