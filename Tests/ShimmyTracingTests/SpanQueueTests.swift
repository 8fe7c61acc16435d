import ShimmyTracing
import Synchronization
import Testing

/// The bound on waiting spans.
@Suite struct SpanQueueTests {
    private final class Counts: Sendable {
        let all = Mutex<[SpanQueue.Fate: Int]>([:])

        func count(_ fate: SpanQueue.Fate, _ number: Int) { all.withLock { $0[fate, default: 0] += number } }
        subscript(fate: SpanQueue.Fate) -> Int { all.withLock { $0[fate] ?? 0 } }
    }

    private let counts = Counts()

    private func queue(_ capacity: Int) -> SpanQueue { SpanQueue(capacity: capacity, full: capacity) { [counts] in counts.count($0, $1) } }

    private func spans(_ count: Int) throws -> [FinishedSpan] {
        let traceID = try #require(TraceID(high: 1, low: 2))
        return try (1...UInt64(count)).map { number in
            let context = TraceContext(traceID: traceID, spanID: try #require(SpanID(number)), isSampled: true)
            return FinishedSpan(
                context: context, parent: nil, hasRemoteParent: false, name: "\(number)", kind: .server, start: 0, end: 1, attributes: [],
                isError: false)
        }
    }

    @Test func spansBeyondTheCapacityAreDroppedAndCounted() throws {
        let queue = queue(8)
        for _ in 0..<1000 { queue.add(try spans(3)) }
        // The spans of a request are kept or dropped together.
        #expect(queue.first(100).map(\.name) == ["1", "2", "3", "1", "2", "3"])
        #expect(counts[.dropped] == 998 * 3 && counts[.exported] == 0)
    }

    @Test func spansStayUntilTheirExportIsOver() throws {
        let queue = queue(8)
        queue.add(try spans(5))
        #expect(queue.first(2).map(\.name) == ["1", "2"] && queue.first(2).map(\.name) == ["1", "2"])
        queue.remove(2, as: .exported)
        #expect(queue.first(2).map(\.name) == ["3", "4"])
        queue.remove(100, as: .failed)
        #expect(queue.first(2).isEmpty && counts[.exported] == 2 && counts[.failed] == 3)
        queue.add(try spans(8))
        #expect(queue.first(100).count == 8 && counts[.dropped] == 0)
    }

    @Test func manyTasksAddAtOnce() async throws {
        let queue = queue(100)
        let spans = try spans(1)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<100 { queue.add(spans) }
                }
            }
        }
        #expect(queue.first(.max).count == 100 && counts[.dropped] == 6300)
    }
}
