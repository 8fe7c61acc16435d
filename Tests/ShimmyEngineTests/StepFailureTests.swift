import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Steps that fail completely or in part: as few sequences as possible end, and the others continue.
@Suite struct StepFailureTests {
    private struct Broken: Error {}

    private static func limits(canRewind: Bool = true) -> RunnerLimits {
        RunnerLimits(cells: 64, contextLength: 32, slots: 4, batchTokens: 8, outputs: 4, canRewind: canRewind)
    }

    private static func chunk(_ id: Int, slot: Int? = nil, position: Int = 0, _ tokens: [Token]) -> Batch.Chunk {
        Batch.Chunk(
            sequence: SequenceID(UInt64(id)), slot: slot ?? id, start: PrefixLength(tokens: position), content: .tokens(tokens), kind: .prefillEnd)
    }

    @Test(arguments: [true, false]) func aTokenThatTheModelCannotComputeEndsItsOwnSequence(canRewind: Bool) {
        let drive = EngineDrive(cells: 200, slots: 8, batchTokens: 32, canRewind: canRewind)
        drive.runner.failure = { batch in batch.chunks.contains { $0.tokens.contains(666) } ? Broken() : nil }
        for id in 1...6 as ClosedRange<UInt64> { drive.submit(id, [Token(id) * 100, id == 4 ? 666 : 7], maximumTokens: 6) }
        #expect(drive.runToEnd() && drive.isConsistent && drive.runner.sequenceCount == 0)
        // A model that cannot rewind loses the first sequence of each failed batch, but no other.
        #expect(canRewind ? drive.failed == [4] : drive.failed.contains(4) && drive.failed.count <= 4)
        for id in 1...6 as ClosedRange<UInt64> where !drive.failed.contains(id) { #expect(drive.generated[id] == [8, 9, 10, 11, 12, 13]) }
    }

    @Test func anErrorOfOneSamplerEndsItsOwnSequence() {
        let drive = EngineDrive(cells: 200, slots: 4) { tokens in
            if tokens.contains(666) { throw Broken() }
            return tokens.last! + 1
        }
        drive.submit(1, [10, 11])
        drive.submit(2, [10, 666])
        drive.submit(3, [10, 30])
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.failed == [2] && drive.generated == [1: [12, 13, 14, 15], 3: [31, 32, 33, 34]])
    }

    /// If all steps fail, all sequences end, and the engine is usable again when steps succeed.
    @Test func aModelThatFailsForAWhileIsUsedAgain() {
        let drive = EngineDrive(cells: 200, slots: 4)
        drive.submit(1, [10, 11], maximumTokens: 8)
        drive.step()
        drive.runner.failure = { _ in Broken() }
        drive.submit(2, [20, 21])
        #expect(drive.runToEnd() && drive.isConsistent && drive.failed == [1, 2])
        drive.runner.failure = nil
        drive.submit(3, [10, 11])
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[3] == [12, 13, 14, 15])
    }

    /// The engine does this if the scheduler's books are wrong while nothing runs.
    @Test func theCacheCanBeEmptiedAndUsedAgain() {
        let drive = EngineDrive(cells: 200, slots: 4)
        for id in 1...3 as ClosedRange<UInt64> { drive.submit(id, [10, 11, Token(id)]) }
        #expect(drive.runToEnd() && drive.scheduler.cellsUsed > 0)
        for operation in drive.scheduler.emptyCache() { drive.runner.perform(operation) }
        #expect(drive.scheduler.isConsistent && drive.scheduler.cellsUsed == 0 && drive.runner.cellsInUse == 0)
        drive.submit(4, [10, 11, 1])
        #expect(drive.runToEnd() && drive.isConsistent && drive.cachedPromptTokens[4] == 0 && drive.generated[4] == [2, 3, 4, 5])
    }

    @Test(arguments: [0, 1, 3]) func whereNothingMayFollowTheSequenceEnds(after count: Int) {
        let drive = EngineDrive(cells: 200, slots: 4) { tokens in
            if tokens.first == 10, tokens.count == 2 + count { throw ScriptedRunner.Exhausted() }
            return tokens.last! + 1
        }
        drive.submit(1, [10, 11], maximumTokens: 9)
        drive.submit(2, [20, 21], maximumTokens: 9)
        #expect(drive.runToEnd() && drive.isConsistent && drive.failed.isEmpty)
        #expect(drive.generated[1, default: []] == Array(12..<(12 + Token(count))) && drive.finished[1] == .stop)
        #expect(drive.cachedPromptTokens[1] == 0, "its start is told even when it ends at once")
        #expect(drive.generated[2]?.count == 9)
    }

    @Test func whatIsExhaustedWithinADraftEndsWithWhatCameTrue() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: .init(step: 0.01, row: 0.001)) { tokens in
            if tokens.count == 8 { throw ScriptedRunner.Exhausted() }
            return tokens.last! + 1
        }
        drive.submit(1, [1, 2, 3], maximumTokens: 100, prediction: Array(4...40))
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1] == [4, 5, 6, 7, 8] && drive.finished[1] == .stop)
        drive.submit(2, [1, 2, 3, 4, 5, 6, 7, 8], maximumTokens: 1)
        #expect(drive.runToEnd() && drive.isConsistent, "no draft that did not come true is left in the cache")
    }

    // MARK: The runner's limits

    @Test func chunksBeyondTheLimitsFailAndTheOthersAreComputed() {
        var runner = ScriptedRunner(limits: Self.limits()) { $0.last! + 1 }
        for id in 0...9 as ClosedRange<UInt64> { runner.addSequence(SequenceID(id), sampling: SequenceSampling(SamplingParameters())) }
        let good = Self.chunk(0, [1, 2, 3])
        let bad = [
            Self.chunk(1, Array(repeating: 5, count: 6)), Self.chunk(2, slot: 0, [9]), Self.chunk(3, slot: 4, [9]), Self.chunk(4, slot: -1, [9]),
            Self.chunk(1, []), Self.chunk(1, position: 32, [9]), Self.chunk(1, position: -1, [9]), Self.chunk(1, position: .max, [9]),
        ]
        let last = Self.chunk(3, [7])
        let computed = runner.compute(Batch(chunks: [good] + bad + [last]))
        #expect(computed.refused == bad.count && computed.failedRuns == 0)
        #expect(computed.results.first == ChunkResult(tokens: [4]) && computed.results.last == ChunkResult(tokens: [8]))
        #expect(computed.results.dropFirst().dropLast().allSatisfy { $0.failure != nil })
    }

    @Test func outputsBeyondTheLimitFail() {
        var runner = ScriptedRunner(limits: Self.limits()) { $0.last! + 1 }
        for id in 0...3 as ClosedRange<UInt64> { runner.addSequence(SequenceID(id), sampling: SequenceSampling(SamplingParameters())) }
        var scored = Self.chunk(0, [1, 2, 3, 4])
        scored.scores = Batch.Scores(firstRow: 0, tokens: [2, 3, 4])
        var drafted = Self.chunk(1, [1, 2, 3])
        drafted.kind = .continuation(drafts: 2)
        var wrong = Self.chunk(2, [1])
        wrong.scores = Batch.Scores(firstRow: 1, tokens: [2])
        let computed = runner.compute(Batch(chunks: [scored, drafted, wrong]))
        #expect(computed.refused == 2 && computed.results[0].failure == nil)
    }

    /// In the engine's loop, an error is counted and reaches its stream, and the other streams continue.
    @Test func failuresAreCountedAndTheEngineGoesOn() async throws {
        let limits = RunnerLimits(cells: 64, contextLength: 32, slots: 4, batchTokens: 8, canRewind: true)
        let engine = try await EngineHandle.start(name: "test") {
            var runner = ScriptedRunner(limits: limits, endOfGeneration: 0) { $0.last! + 1 }
            runner.failure = { batch in batch.chunks.contains { $0.tokens.contains(666) } ? Broken() : nil }
            return runner
        }
        let prompts: [[Token]] = [[1], [666], [3]]
        let streams = try engine.submit(
            prompts.map { SequenceRequest(prompt: $0, maximumTokens: 5, sampling: SamplingParameters()) })
        await #expect(throws: EngineError.self) { while try await streams[1].next() != nil {} }
        for index in [0, 2] {
            var tokens: [Token] = []
            while let delivery = try await streams[index].next() { tokens += delivery.tokens }
            #expect(tokens.count == 5)
        }
        await engine.shutdown()
        let faults = engine.statistics.faults
        #expect(faults.failedSequences == 1 && faults.failedRuns >= 1 && faults.refusedChunks == 0 && faults.inconsistencies == 0)
    }
}
