import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Log probabilities of given tokens after a prompt: each sequence reports them once, from the logits of its last token.
@Suite struct ProbeTests {
    private static let probes: [Token] = [40, 7, 41]

    private func expectProbes(_ drive: EngineDrive, _ id: UInt64) {
        #expect(drive.scores[id]?.map(\.drawn.token) == Self.probes)
        #expect(drive.scores[id]?.map(\.drawn.logprob) == Self.probes.map(ScriptedRunner.alternativeScore))
        #expect(drive.finished[id] == .length && drive.isConsistent)
    }

    @Test func tokensAreRatedAfterAPrompt() {
        let drive = EngineDrive(slots: 4, batchTokens: 8, outputs: 4)
        drive.submit(1, Array(10..<31), maximumTokens: 0, probes: Self.probes)
        drive.submit(2, [9], maximumTokens: 0, probes: Self.probes)
        #expect(drive.runToEnd())
        expectProbes(drive, 1)
        expectProbes(drive, 2)
        #expect(drive.generated.isEmpty)
    }

    @Test func onlyTheLastTokenOfAKnownPromptIsComputed() {
        let drive = EngineDrive(cells: 128, slots: 8)
        let prompt: [Token] = Array(10..<30)
        drive.submit(1, prompt, maximumTokens: 0, probes: Self.probes)
        #expect(drive.runToEnd())
        drive.submit(2, prompt, maximumTokens: 0, probes: Self.probes)
        drive.submit(3, prompt + [50], maximumTokens: 0, probes: Self.probes)
        let batch = drive.step()
        #expect(drive.runToEnd())
        #expect(batch.outputCount == 2 && batch.rowCount <= 3)
        for id in UInt64(1)...3 { expectProbes(drive, id) }
        #expect(drive.cachedPromptTokens[2] == 19 && [19, 20].contains(drive.cachedPromptTokens[3]))
    }

    /// Of several new prompts with a long prefix in common, only the first computes the prefix.
    @Test func promptsThatArriveTogetherShareTheirPrefix() {
        let drive = EngineDrive(cells: 256, slots: 8, batchTokens: 64)
        let prefix: [Token] = Array(10..<60)
        for id in UInt64(1)...4 { drive.submit(id, prefix + [Token(60 + id)], maximumTokens: 0, probes: Self.probes) }
        #expect(drive.runToEnd())
        for id in UInt64(1)...4 { expectProbes(drive, id) }
        #expect((UInt64(2)...4).allSatisfy { drive.cachedPromptTokens[$0] == 50 })
    }

    @Test(arguments: [true, false]) func aPausedPromptIsRatedOnce(canRewind: Bool) {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<60 {
            let drive = EngineDrive(cells: 48, slots: 4, batchTokens: 8, canRewind: canRewind, outputs: Int.random(in: 4...8, using: &random))
            var probed: [UInt64] = []
            for id in UInt64(1)...8 {
                let start = Token.random(in: 10...13, using: &random)
                let prompt = Array(start..<start + Token.random(in: 1...24, using: &random))
                let isProbed = Bool.random(using: &random)
                if isProbed { probed.append(id) }
                drive.submit(
                    id, prompt, maximumTokens: isProbed ? 0 : Int.random(in: 1...12, using: &random), probes: isProbed ? Self.probes : [])
                for _ in 0..<Int.random(in: 0...4, using: &random) { drive.step() }
            }
            #expect(drive.runToEnd())
            for id in probed { expectProbes(drive, id) }
            #expect(drive.finished.count == 8)
        }
    }
}
