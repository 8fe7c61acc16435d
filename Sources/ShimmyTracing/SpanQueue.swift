import Synchronization

/// The spans that wait for their export. It is bounded: spans that find no room are dropped and counted, so that requests never wait for a collector.
package final class SpanQueue: Sendable {
    /// The end of a span, for a metric.
    package enum Fate: String, Sendable {
        /// The collector has taken it.
        case exported
        /// The queue was full, or the request had too many spans.
        case dropped
        /// The collector did not answer or refused it.
        case failed
    }

    package let capacity: Int
    private let spans = Mutex<[FinishedSpan]>([])
    private let count: @Sendable (Fate, Int) -> Void
    /// The number of waiting spans at which the exporter is woken.
    private let full: Int
    /// An element for each time that the exporter has work. The newest is kept until the exporter takes it.
    let signals: AsyncStream<Void>
    private let waking: AsyncStream<Void>.Continuation

    /// - capacity: the max number of waiting spans.
    /// - full: the number of waiting spans at which the exporter is woken.
    /// - count: counts spans by their fate.
    package init(capacity: Int = 2048, full: Int = 512, count: @escaping @Sendable (Fate, Int) -> Void = { _, _ in }) {
        self.capacity = capacity
        self.full = full
        self.count = count
        (signals, waking) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Adds the spans of one request, or drops all of them.
    package func add(_ new: [FinishedSpan]) {
        let waiting: Int? = spans.withLock { spans in
            guard new.count <= capacity - spans.count else { return nil }
            spans += new
            return spans.count
        }
        guard let waiting else { return count(.dropped, new.count) }
        if waiting >= full { wake() }
    }

    /// Counts a span that is not recorded.
    func drop() { count(.dropped, 1) }

    func wake() { waking.yield() }

    /// Returns the oldest spans, which stay in the queue until they are removed.
    package func first(_ most: Int) -> [FinishedSpan] { spans.withLock { Array($0.prefix(most)) } }

    /// Removes the oldest spans.
    package func remove(_ number: Int, as fate: Fate) {
        let removed = spans.withLock { spans in
            let removed = min(number, spans.count)
            spans.removeFirst(removed)
            return removed
        }
        count(fate, removed)
    }

    /// Removes all spans.
    func removeAll(as fate: Fate) { remove(.max, as: fate) }
}
