import ShimmyCore
import ShimmyEngine
import Synchronization
import Testing

/// Batches of texts, with a runner that returns the texts as vectors.
@Suite struct EmbeddingEngineTests {
    private struct Broken: Error {}

    private struct Runner: EmbeddingRunner {
        let limits: EmbeddingLimits
        let batches: Batches

        func run(_ texts: [[Token]]) throws -> [[Float]] {
            precondition(texts.count <= limits.batchTexts && texts.reduce(0) { $0 + $1.count } <= limits.batchTokens)
            batches.sizes.withLock { $0.append(texts.count) }
            if texts.contains([13]) { throw Broken() }
            return texts.map { $0.map { Float($0) } }
        }
    }

    private final class Batches: Sendable {
        let sizes = Mutex<[Int]>([])
    }

    private static func engine(
        _ batches: Batches = Batches(), queue: Int = 1000, target: StepTarget = StepTarget(), turn: ComputeTurn = ComputeTurn()
    ) async throws -> EmbeddingEngine {
        let limits = EmbeddingLimits(contextLength: 8, batchTokens: 16, batchTexts: 4, dimensions: 8)
        return try await EmbeddingEngine.start(name: "test", queue: queue, target: target, turn: turn) { Runner(limits: limits, batches: batches) }
    }

    /// A batch contains as many texts as fit into the time that other engines' streams leave, and at least one.
    @Test(arguments: [(1000, [1, 4, 4]), (1e-9, [1, 1, 1, 1, 1, 1, 1, 1, 1])] as [(Double, [Int])])
    func othersStreamsAreHeldUpByTheirGap(gap: Double, sizes: [Int]) async throws {
        let (batches, turn) = (Batches(), ComputeTurn())
        let other = ComputeTurn.Member(turn)
        other.note(streams: true)
        let engine = try await Self.engine(batches, target: StepTarget(gap: gap), turn: turn)
        // The first text measures the time per token.
        _ = try await engine.embed([[1, 2]])
        _ = try await engine.embed(Array(repeating: [1, 2], count: 8))
        #expect(batches.sizes.withLock { $0 } == sizes)
        await engine.shutdown()
        withExtendedLifetime(other) {}
    }

    @Test func everyTextGetsItsOwnVectorInOrder() async throws {
        let batches = Batches()
        let engine = try await Self.engine(batches)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<20 {
                group.addTask {
                    let texts = (0..<30).map { text in (0..<(1 + (client + text) % 8)).map { Token(client * 100 + text + $0 + 20) } }
                    let vectors = try await engine.embed(texts, owner: Owner("\(client % 3)"))
                    #expect(vectors == texts.map { $0.map { Float($0) } })
                }
            }
            try await group.waitForAll()
        }
        let sizes = batches.sizes.withLock { $0 }
        #expect(sizes.reduce(0, +) == 600 && sizes.max() == 4)
        let none = try await engine.embed([])
        #expect(none.isEmpty)
        await engine.shutdown()
    }

    @Test func aFailureIsOnlyItsOwn() async throws {
        let engine = try await Self.engine()
        await #expect(throws: EngineError.self) { try await engine.embed([[13]]) }
        let vectors = try await engine.embed([[1, 2]])
        #expect(vectors == [[1, 2]])
        await engine.shutdown()
        await #expect(throws: CancellationError.self) { try await engine.embed([[1]]) }
    }

    @Test func theQueueIsBounded() async throws {
        let engine = try await Self.engine(queue: 3)
        await #expect(throws: QueueFull.self) { try await engine.embed([[1], [2], [3], [4]]) }
        let vectors = try await engine.embed([[1], [2], [3]])
        #expect(vectors.count == 3)
        await engine.shutdown()
    }

    @Test func cancelledRequestsEnd() async throws {
        let engine = try await Self.engine()
        for _ in 0..<50 {
            let task = Task { try await engine.embed(Array(repeating: [1, 2, 3], count: 100)) }
            task.cancel()
            // The task finishes or is cancelled; it never hangs.
            if let vectors = try? await task.value { #expect(vectors.count == 100) }
        }
        let vectors = try await engine.embed([[5]])
        #expect(vectors == [[5]])
        await engine.shutdown()
    }
}
