import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// The summary of cells and steps for people who watch an engine.
@Suite(.timeLimit(.minutes(1))) struct CellSegmentTests {
    private static let limits = RunnerLimits(cells: 1 << 12, contextLength: 1 << 10, slots: 8, batchTokens: 64, canRewind: true)

    private func engine() async throws -> EngineHandle {
        try await EngineHandle.start(name: "test") { ScriptedRunner(limits: Self.limits, endOfGeneration: 0, rule: { $0.last! + 1 }) }
    }

    /// Computes a prompt and one token after it.
    private func compute(_ prompt: [Token], on engine: EngineHandle) async throws {
        let stream = try engine.submit(SequenceRequest(prompt: prompt, maximumTokens: 1, sampling: SamplingParameters()))
        while try await stream.next() != nil {}
    }

    /// Returns a summary with a number of segments. The suite's time limit bounds the wait.
    private func segments(_ count: Int, of engine: EngineHandle) async -> [CellSegment] {
        while engine.statistics.cellSegments.count != count {
            engine.summarizeCells()
            await Task.yield()
        }
        return engine.statistics.cellSegments
    }

    @Test func aSharedPrefixIsASegmentOfItsOwn() async throws {
        let engine = try await engine()
        try await compute(Array(1...20) + [500, 501, 502], on: engine)
        try await compute(Array(1...20) + [600, 601], on: engine)
        let segments = await segments(3, of: engine)
        let shared = try #require(segments.first { $0.parent == nil })
        #expect(shared.cells == 20 && shared.slots == 2 && shared.running == 0 && shared.owners == [])
        let tails = segments.filter { $0.parent == shared.id }
        #expect(tails.map(\.cells).sorted() == [2, 3] && tails.allSatisfy { $0.slots == 1 })
        #expect(segments.reduce(0) { $0 + $1.cells } == engine.statistics.cellsUsed)
        await engine.shutdown()
    }

    @Test func stepsTellPromptsFromStreams() async throws {
        let engine = try await engine()
        let stream = try engine.submit(SequenceRequest(prompt: Array(1...20), maximumTokens: 5, sampling: SamplingParameters()))
        while try await stream.next() != nil {}
        // The summary follows the last step.
        _ = await segments(1, of: engine)
        let steps = engine.statistics.recentSteps
        #expect(steps.reduce(0) { $0 + $1.prefillRows } == 20)
        #expect(steps.reduce(0) { $0 + $1.decodeRows } >= 4)
        await engine.shutdown()
    }
}
