import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// The engine and its thread: streams, cancellation, failure, shutdown.
@Suite(.timeLimit(.minutes(1))) struct EngineHandleTests {
    private struct NoRunner: Error {}
    private struct Broken: Error {}
    /// Limits for a sequence that outlasts every test, even on a slow machine: a scripted step takes longer the more tokens there are.
    private static let limits = RunnerLimits(cells: 1 << 21, contextLength: 1 << 20, slots: 4, batchTokens: 64, canRewind: true)
    private static let endless = 1_000_000

    private func engine(_ rule: @escaping @Sendable ([Token]) throws -> Token = { $0.last! + 1 }) async throws -> EngineHandle {
        try await EngineHandle.start(name: "test") { ScriptedRunner(limits: Self.limits, endOfGeneration: 0, rule: rule) }
    }

    private func request(_ prompt: [Token], _ maximum: Int) -> SequenceRequest {
        SequenceRequest(prompt: prompt, maximumTokens: maximum, sampling: SamplingParameters())
    }

    /// Returns all tokens of a stream and its last delivery.
    private func collect(_ stream: TokenStream) async throws -> (tokens: [Token], last: TokenDelivery?) {
        var tokens: [Token] = []
        var last: TokenDelivery?
        while let delivery = try await stream.next() {
            tokens += delivery.tokens
            last = delivery
        }
        return (tokens, last)
    }

    /// Waits until the engine is idle. The suite's time limit bounds the wait.
    private func waitForQuiet(_ engine: EngineHandle) async {
        while engine.statistics.running + engine.statistics.waiting > 0 { await Task.yield() }
    }

    @Test func aStreamBringsEveryTokenInOrderAndItsEnd() async throws {
        let engine = try await engine()
        let (tokens, last) = try await collect(try engine.submit(request([1, 2, 3], 100)))
        #expect(tokens == Array(4..<104))
        #expect(last?.end == SequenceEnd(reason: .length, generated: 100) && last?.start?.cachedTokens == 0)
        await engine.shutdown()
    }

    @Test func manyStreamsAtOnce() async throws {
        let engine = try await engine()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for start in 1...50 as ClosedRange<Token> {
                let stream = try engine.submit(request([start * 1000], 30))
                group.addTask {
                    let tokens = try await collect(stream).tokens
                    #expect(tokens == Array(start * 1000 + 1...start * 1000 + 30))
                }
            }
            try await group.waitForAll()
        }
        await engine.shutdown()
    }

    @Test func cancellingEndsTheWork() async throws {
        let engine = try await engine { _ in 5 }
        let stream = try engine.submit(request([1], Self.endless))
        _ = try await stream.next()
        stream.cancel()
        await waitForQuiet(engine)
        await #expect(throws: CancellationError.self) { try await collect(stream) }
        await engine.shutdown()
    }

    @Test func droppingAStreamEndsTheWork() async throws {
        let engine = try await engine { _ in 5 }
        var stream: TokenStream? = try engine.submit(request([1], Self.endless))
        _ = try await stream?.next()
        stream = nil
        await waitForQuiet(engine)
        await engine.shutdown()
    }

    @Test func cancellingTheConsumersTaskEndsTheWork() async throws {
        let engine = try await engine { _ in 5 }
        let stream = try engine.submit(request([1], Self.endless))
        let task = Task { try await collect(stream) }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        await waitForQuiet(engine)
        await engine.shutdown()
    }

    @Test func aFailureReachesItsStreamOnly() async throws {
        let engine = try await engine { tokens in
            if tokens.contains(666) { throw Broken() }
            return tokens.last! + 1
        }
        let bad = try engine.submit(request([666], 5))
        await #expect(throws: EngineError.self) { try await collect(bad) }
        #expect(try await collect(try engine.submit(request([1], 2))).tokens == [2, 3])
        await engine.shutdown()
    }

    @Test func shutdownEndsRunningStreams() async throws {
        let engine = try await engine { _ in 5 }
        let stream = try engine.submit(request([1], Self.endless))
        _ = try await stream.next()
        await engine.shutdown()
        await #expect(throws: CancellationError.self) { try await collect(stream) }
    }

    @Test func aRunnerThatCannotBeMadeIsTheStartsError() async {
        await #expect(throws: NoRunner.self) {
            _ = try await EngineHandle.start(name: "test") { () throws -> ScriptedRunner in throw NoRunner() }
        }
    }

    @Test func whatHasNotBeenFetchedComesTogether() async throws {
        let stream = TokenStream()
        stream.start(PromptStart(cachedTokens: 3))
        stream.yield(8)
        stream.yield(9)
        stream.finish(SequenceEnd(reason: .stop, generated: 3))
        stream.yield(10)  // too late
        let delivery = try #require(await stream.next())
        #expect(delivery.tokens == [8, 9] && delivery.start?.cachedTokens == 3)
        #expect(delivery.end == SequenceEnd(reason: .stop, generated: 3))
        #expect(try await stream.next() == nil)
    }
}
