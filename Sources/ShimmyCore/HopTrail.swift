/// The servers that a request has passed, from its header `x-shimmy-hops`: their ids, separated by commas.
package struct HopTrail: Sendable, Equatable {
    /// The max number of servers that a request may pass.
    package static let limit = 8
    /// The id of this server.
    package static let ownID = String(UInt64.random(in: 0 ... .max), radix: 36)
    private static let longestID = 32

    /// The trail of the request that the current task serves, for work that is not given any terms.
    @TaskLocal package static var current: HopTrail = HopTrail()

    package let ids: [String]

    /// Runs `body` for a request that has passed these servers.
    @concurrent package static func with<Value: Sendable>(
        _ trail: HopTrail, _ body: @concurrent () async throws -> Value
    ) async rethrows -> Value {
        try await $current.withValue(trail, operation: body)
    }

    /// Makes the trail of a request that came from a client.
    package init() { ids = [] }

    /// Reads the header. Ids beyond the limit, and their excess length, are dropped.
    package init(header: String?) {
        let parts = (header ?? "").prefix(Self.limit * (Self.longestID + 2)).split(separator: ",", maxSplits: Self.limit)
        ids = parts.prefix(Self.limit).map { part in
            String(part.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(Self.longestID))
        }
    }

    /// Whether the request has passed this server before.
    package var isLoop: Bool { ids.contains(Self.ownID) }
    /// Whether the request has passed the max number of servers.
    package var isFull: Bool { ids.count >= Self.limit }

    /// The header of a request that this server sends on.
    package var nextHeader: String { (ids + [Self.ownID]).joined(separator: ",") }
}
