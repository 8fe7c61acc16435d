import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Tokens that constraints force: many can be added at once. They are computed like prompts, within the batch size and the time budget.
@Suite struct ForcedTokensTests {
    /// Returns a rule that forces `count` tokens after each token.
    private static func always(_ count: Int) -> @Sendable ([Token]) -> Int { { _ in count } }
    private static func text(from prompt: Token, _ count: Int) -> [Token] { Array(prompt + 1...prompt + Token(count)) }

    @Test func theBatchIsNeverExceeded() {
        // Eight choices with 110 forced tokens each, and a long prompt at the same time.
        let drive = EngineDrive(
            cells: 6000, contextLength: 2000, slots: 16, batchTokens: 256, timing: .init(step: 0.01, stream: 0.002, row: 0.0004),
            forced: Self.always(110))
        for id in 1...8 as ClosedRange<UInt64> { drive.submit(id, [Token(id) * 10_000], maximumTokens: 300) }
        for _ in 0..<3 { drive.step() }
        drive.submit(9, (0..<1500).map { Token($0 % 977 + 1) }, maximumTokens: 2)
        #expect(drive.runToEnd() && drive.isConsistent && drive.failed.isEmpty)
        for id in 1...8 as ClosedRange<UInt64> { #expect(drive.generated[id] == Self.text(from: Token(id) * 10_000, 300)) }
    }

    /// Forced tokens of many streams keep the gap, and each stream progresses in each step. `StepTimeTests` tests the same for prompts.
    @Test(arguments: [0.0004, 0.001, 0.004]) func theGapIsKeptAndEverybodyGoesOn(row: Double) {
        let drive = EngineDrive(
            cells: 20_000, contextLength: 4000, slots: 8, batchTokens: 256, timing: .init(step: 0.004, stream: 0.002, row: row),
            forced: { $0[0] == 1 ? 0 : 63 })
        drive.submit(1, [1], maximumTokens: 2000)
        for _ in 0..<10 { drive.step() }
        for id in 2...5 as ClosedRange<UInt64> { drive.submit(id, [Token(id) * 10_000], maximumTokens: 3000) }
        for _ in 0..<3 { drive.step() }
        drive.submit(6, (0..<2000).map { Token($0 % 977 + 1) }, maximumTokens: 1)
        var prefill = 0
        for _ in 0..<60 where drive.finished[6] == nil {
            let batch = drive.step()
            let streams = batch.chunks.count(where: \.continuesStream)
            #expect(streams == 5, "a stream is left out")
            // The model has no measurement of a step with five streams alone, so that its estimates are less exact than in `StepTimeTests`.
            #expect(0.004 + 0.002 * Double(streams) + row * Double(batch.rowCount - streams) <= 0.115)
            let forced = batch.chunks.filter(\.continuesStream).map(\.tokens.count)
            #expect((forced.dropFirst().max() ?? 0) - (forced.dropFirst().min() ?? 0) <= 63)
            prefill += batch.shape[6] ?? 0
            #expect((batch.shape[6] ?? 0) >= 8, "the prompt stands still")
        }
        #expect(prefill == 2000 || prefill > 480)
        #expect(drive.isConsistent)
    }

    @Test func forcedTokensAreComputedTogetherWhereNobodyWaits() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: .init(step: 0.01, row: 0.0001), forced: Self.always(9))
        drive.submit(1, [1], maximumTokens: 100)
        var steps = 0
        while !drive.scheduler.isIdle, steps < 100 {
            drive.step()
            steps += 1
        }
        #expect(steps == 10 && drive.generated[1] == Self.text(from: 1, 100) && drive.isConsistent)
    }

    @Test func deterministicStepsHaveShapesOfTheirOwn() {
        func shapes(_ others: Int) -> [Int] {
            let drive = EngineDrive(cells: 400, batchTokens: 16, isDeterministic: true, forced: Self.always(20))
            drive.submit(1, [1], maximumTokens: 60)
            for id in 0..<UInt64(others) { drive.submit(2 + id, [50], maximumTokens: 4) }
            var shapes: [Int] = []
            while drive.finished[1] == nil { shapes.append(drive.step().shape[1] ?? 0) }
            return shapes
        }
        #expect(shapes(0) == shapes(3) && shapes(0).contains(16))
    }

    /// Adapter sets take turns, and their forced tokens share the time of one gap.
    @Test func setsOfAdaptersShareTheTimeOfForcedTokens() {
        let drive = EngineDrive(
            cells: 20_000, contextLength: 4000, slots: 8, batchTokens: 256, timing: .init(step: 0.004, stream: 0.002, row: 0.001),
            forced: Self.always(63))
        for id in 1...3 as ClosedRange<UInt64> {
            drive.submit(id, [Token(id) * 10_000], maximumTokens: 3000, adapters: AdapterSet([.init(index: Int(id), scale: 1)]))
        }
        for _ in 0..<12 { drive.step() }
        drive.submit(4, (0..<1500).map { Token($0 % 977 + 1) }, maximumTokens: 1, adapters: AdapterSet([.init(index: 1, scale: 1)]))
        for _ in 0..<60 {
            let cycle = (0..<3).map { _ in drive.step() }
            let seconds = cycle.reduce(0.0) { sum, batch in
                let streams = batch.chunks.count(where: \.continuesStream)
                return sum + 0.004 + 0.002 * Double(streams) + 0.001 * Double(batch.rowCount - streams)
            }
            #expect(seconds <= 0.125, "\(cycle.map(\.shape))")
        }
        #expect(drive.finished[4] != nil && drive.isConsistent)
    }
}
