/// Which part of a list is wanted.
package struct Page: Sendable, Equatable {
    package enum Order: String, Sendable, CaseIterable {
        /// Oldest first.
        case asc
        case desc
    }

    package static let limits = 1...100

    package var limit: Int
    package var order: Order
    /// The id after which the part begins, in the list's order.
    package var after: String?

    package init(limit: Int = 20, order: Order = .desc, after: String? = nil) {
        self.limit = limit
        self.order = order
        self.after = after
    }
}

/// A part of a list.
package struct Listing<Element: Sendable>: Sendable {
    package let data: [Element]
    /// Whether the list goes on after it.
    package let hasMore: Bool
}

extension Listing: Equatable where Element: Equatable {}
