import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Log probabilities of prompts: each token but the first is scored once, whatever else happens.
@Suite struct ScoringTests {
    /// Expects the scores of all prompt tokens. The scripted runner returns a token's negated position as its score.
    private func expectAll(_ drive: EngineDrive, _ id: UInt64, prompt: [Token]) {
        #expect(drive.scores[id]?.map(\.drawn.token) == Array(prompt.dropFirst()))
        #expect(drive.scores[id]?.map(\.drawn.logprob) == prompt.indices.dropFirst().map { -Float($0) })
        #expect(drive.isConsistent)
    }

    @Test func aPromptIsScoredInChunks() {
        let prompt: [Token] = Array(10..<31)
        for outputs in [4, 5, 16] {
            let drive = EngineDrive(slots: 4, batchTokens: 8, outputs: outputs)
            drive.submit(1, prompt, maximumTokens: 2, scoresPrompt: true)
            #expect(drive.runToEnd())
            expectAll(drive, 1, prompt: prompt)
            #expect(drive.generated[1] == [31, 32])
        }
    }

    @Test func withoutAnAnswerOnlyThePromptIsComputed() {
        let drive = EngineDrive()
        drive.submit(1, [5, 6, 7], maximumTokens: 0, scoresPrompt: true)
        drive.submit(2, [5, 6, 7, 8], maximumTokens: 0)
        drive.submit(3, [9], maximumTokens: 0, scoresPrompt: true)
        #expect(drive.runToEnd())
        expectAll(drive, 1, prompt: [5, 6, 7])
        #expect(drive.scores[2] == nil && drive.scores[3] == nil)
        #expect(drive.generated.isEmpty && drive.finished == [1: .length, 2: .length, 3: .length])
    }

    @Test func aPromptMayFillTheContextWhereNothingFollows() {
        let drive = EngineDrive(cells: 16)
        drive.submit(1, Array(10..<26), maximumTokens: 0, scoresPrompt: true)
        #expect(drive.runToEnd())
        expectAll(drive, 1, prompt: Array(10..<26))
    }

    @Test func whatIsCachedIsComputedAgain() {
        let drive = EngineDrive()
        let prompt: [Token] = Array(10..<20)
        drive.submit(1, prompt, maximumTokens: 1)
        #expect(drive.runToEnd())
        drive.submit(2, prompt, maximumTokens: 1, scoresPrompt: true)
        #expect(drive.runToEnd())
        expectAll(drive, 2, prompt: prompt)
        #expect(drive.cachedPromptTokens[2] == 0)
        // Later sequences share the prefix that was computed for the scores.
        drive.submit(3, prompt, maximumTokens: 1)
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens[3] == 9)
    }

    @Test(arguments: [true, false]) func aPausedPromptIsScoredOnce(canRewind: Bool) {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<60 {
            let drive = EngineDrive(cells: 48, slots: 4, batchTokens: 8, canRewind: canRewind, outputs: Int.random(in: 4...8, using: &random))
            var prompts: [UInt64: [Token]] = [:]
            for id in UInt64(1)...8 {
                let start = Token.random(in: 10...13, using: &random)
                let prompt = Array(start..<start + Token.random(in: 2...24, using: &random))
                let scores = Bool.random(using: &random)
                if scores { prompts[id] = prompt }
                drive.submit(id, prompt, maximumTokens: Int.random(in: scores ? 0...12 : 1...12, using: &random), scoresPrompt: scores)
                for _ in 0..<Int.random(in: 0...4, using: &random) { drive.step() }
            }
            #expect(drive.runToEnd())
            for (id, prompt) in prompts { expectAll(drive, id, prompt: prompt) }
            #expect(drive.finished.count == 8)
        }
    }
}
