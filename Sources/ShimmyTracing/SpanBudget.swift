import Synchronization

/// The number of spans that the libraries of one request can still add to its trace. Without a limit, a download with a thousand parts would have a
/// thousand spans.
package final class SpanBudget: Sendable {
    package static let most = 64

    private let used = Atomic<Int>(0)

    init() {}

    /// Returns whether there is room for another span.
    func take() -> Bool { used.wrappingAdd(1, ordering: .relaxed).newValue <= Self.most }
}
