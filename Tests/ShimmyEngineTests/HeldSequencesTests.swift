import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Sequences whose mask is not ready: no token is drawn for them, and no other sequence waits.
@Suite struct HeldSequencesTests {
    private static func text(from prompt: Token, _ count: Int) -> [Token] { Array(prompt + 1...prompt + Token(count)) }

    @Test func nobodyWaitsForAHeldStream() {
        let drive = EngineDrive(cells: 400, batchTokens: 32)
        drive.submit(1, [100], maximumTokens: 20)
        drive.submit(2, [200], maximumTokens: 20)
        drive.step()
        for _ in 0..<5 { #expect(drive.step(holding: [1]).shape == [2: 1]) }
        #expect(drive.generated[1]?.count == 1 && drive.generated[2]?.count == 6)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1] == Self.text(from: 100, 20) && drive.generated[2] == Self.text(from: 200, 20))
    }

    @Test func aHeldPromptIsComputedButForItsEnd() {
        let drive = EngineDrive(cells: 400, batchTokens: 32)
        let prompt = (1...50).map { Token($0) }
        drive.submit(1, prompt, maximumTokens: 3)
        drive.submit(2, [500], maximumTokens: 9)
        var computed = 0
        for _ in 0..<6 { computed += drive.step(holding: [1]).shape[1] ?? 0 }
        #expect(computed == 49 && drive.generated[1] == nil && drive.generated[2]?.count ?? 0 >= 4)
        #expect(drive.step().shape[1] == 1 && drive.generated[1] == [51])
        #expect(drive.runToEnd() && drive.isConsistent)
    }

    @Test func forcedTokensOfAHeldStreamAreComputedButForTheLast() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, forced: { _ in 9 })
        drive.submit(1, [100], maximumTokens: 40)
        drive.step()
        #expect(drive.generated[1]?.count == 10)
        #expect(drive.step(holding: [1]).shape == [1: 9])
        #expect(drive.step(holding: [1]).isEmpty)
        #expect(drive.generated[1]?.count == 10)
        #expect(drive.step().shape == [1: 1] && drive.generated[1]?.count == 20)
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1] == Self.text(from: 100, 40))
    }

    /// Accepted drafts are correct even if the token after them cannot be drawn in the same step.
    @Test(arguments: 1...4) func guessesWithoutATokenAfterThemAreComputedAgain(most: Int) {
        let drive = EngineDrive(cells: 400, batchTokens: 32, timing: .init(step: 0.01, stream: 0.002, row: 0.0001))
        drive.runner.drawsAtMost = most
        drive.submit(1, [100], maximumTokens: 60, prediction: Self.text(from: 100, 60))
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1] == Self.text(from: 100, 60))
    }

    /// Holding sequences, for any time, does not change the answers.
    @Test(arguments: 0..<20 as Range<UInt64>) func answersDoNotDependOnWhoIsHeld(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let drive = EngineDrive(
            cells: 300, contextLength: 120, slots: 6, batchTokens: 24, running: 4, timing: .init(step: 0.01, stream: 0.002, row: 0.001),
            forced: { Int($0.last! % 3) })
        let ids: ClosedRange<UInt64> = 1...12
        for id in ids {
            let prompt = [Token(id) * 1000] + (0..<Int.random(in: 0..<40, using: &random)).map { Token($0 % 7) } + [Token(id) * 1000]
            drive.submit(id, prompt, maximumTokens: Int.random(in: 1...30, using: &random))
        }
        var steps = 0
        while !drive.scheduler.isIdle, steps < 3000 {
            drive.step(holding: Set(ids.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }))
            steps += 1
        }
        #expect(drive.scheduler.isIdle && drive.isConsistent && drive.failed.isEmpty)
        for id in ids {
            let text = drive.generated[id] ?? []
            #expect(!text.isEmpty && text == Self.text(from: Token(id) * 1000, text.count))
        }
    }
}
