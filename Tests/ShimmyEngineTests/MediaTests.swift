import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Prompts with media segments: what their cells contain, and how the scheduler computes and shares them. The scripted runner checks positions and
/// stops the test if a segment that cannot be divided is computed in parts.
@Suite struct MediaTests {
    private static func media(_ hash: UInt64, cells: Int, positions: Int? = nil, isDivisible: Bool = false) -> MediaSegment {
        MediaSegment(contentHash: .init(high: 7, low: hash), cells: cells, positions: positions ?? cells, isDivisible: isDivisible)
    }

    // MARK: Prompts

    @Test func textIsItsTokens() {
        let prompt = Prompt([5, 6, 7] as [Token])
        #expect(prompt.units == [5, 6, 7] && prompt.tokens == [5, 6, 7] && prompt.media.isEmpty)
        #expect(prompt == Prompt([.tokens([5]), .tokens([6, 7])]))
        #expect(prompt.length == 3 && prompt.length(of: 2) == 2 && prompt.boundary(atMost: 2) == 2)
        #expect(MemoryLayout<PromptUnit>.size == 8)
    }

    @Test func unitsOfMediaDependOnTheContentAndTheCell() {
        let one = Self.media(1, cells: 100).units
        #expect(Set(one).count == 100 && one.allSatisfy { $0.token == nil })
        #expect(one == Self.media(1, cells: 100).units)
        #expect(Set(one).isDisjoint(with: Self.media(2, cells: 100).units))
        // Another size of the same picture gives other cells.
        #expect(Set(one).isDisjoint(with: Self.media(1, cells: 100, positions: 10).units))
        #expect(Set(one).isDisjoint(with: MediaSegment(contentHash: .init(high: 8, low: 1), cells: 100, positions: 100).units))
    }

    @Test func cellsAndPositionsAreCounted() {
        var prompt = Prompt([.tokens([1, 2]), .media(Self.media(1, cells: 9, positions: 3)), .tokens([3]), .media(Self.media(2, cells: 4))])
        prompt.append(4)
        #expect(prompt.count == 17 && prompt.tokens == [1, 2, 3, 4])
        #expect(prompt.length == PrefixLength(cells: 17, positions: 11))
        #expect(prompt.length(of: 0) == 0 && prompt.length(of: 2) == 2)
        #expect(prompt.length(of: 11) == PrefixLength(cells: 11, positions: 5))
        #expect(prompt.length(of: 12) == PrefixLength(cells: 12, positions: 6))
        #expect(prompt.length(of: 16) == PrefixLength(cells: 16, positions: 10))
        #expect(prompt.media.map(\.start) == [2, PrefixLength(cells: 12, positions: 6)])
        #expect([0, 2, 3, 10, 11, 12, 13, 16, 17].map { prompt.boundary(atMost: $0) } == [0, 2, 2, 2, 11, 12, 12, 16, 17])
        let divisible = Prompt([.tokens([1]), .media(Self.media(1, cells: 9, isDivisible: true))])
        #expect(divisible.boundary(atMost: 5) == 5 && divisible.length(of: 5) == 5)
    }

    // MARK: Scheduling

    @Test func aSegmentIsOneChunkAndTextIsAnother() {
        let drive = EngineDrive(cells: 200, batchTokens: 32)
        drive.submit(1, Prompt([.tokens([10, 11]), .media(Self.media(1, cells: 20, positions: 5)), .tokens([12, 13])]))
        #expect(drive.step().chunks.map(\.content) == [.tokens([10, 11])])
        let image = drive.step()
        #expect(image.chunks.map(\.content) == [.media(MediaCells(Self.media(1, cells: 20, positions: 5), cells: 0..<20))])
        #expect(image.chunks.map(\.start) == [2] && image.rowCount == 20 && image.outputCount == 0)
        let text = drive.step()
        #expect(text.chunks.map(\.start) == [PrefixLength(cells: 22, positions: 7)] && text.chunks.map(\.tokens) == [[12, 13]])
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1] == [14, 15, 16, 17])
    }

    @Test func aPromptCanEndWithMedia() {
        let drive = EngineDrive(cells: 200, batchTokens: 32)
        let prompt = Prompt([.tokens([10, 11]), .media(Self.media(1, cells: 20, positions: 5))])
        for id in 1...2 as ClosedRange<UInt64> {
            drive.submit(id, prompt)
            #expect(drive.runToEnd() && drive.isConsistent && drive.generated[id] == [12, 13, 14, 15])
        }
        // The segment's logits are needed, so all of it is computed again.
        #expect(drive.cachedPromptTokens == [1: 0, 2: 2])
    }

    @Test func equalMediaAreSharedAndOthersAreNot() {
        let drive = EngineDrive(cells: 400, slots: 8, batchTokens: 64)
        func prompt(_ hash: UInt64, _ end: Token) -> Prompt {
            Prompt([.tokens([10, 11]), .media(Self.media(hash, cells: 40, positions: 6)), .tokens([12, end])])
        }
        drive.submit(1, prompt(1, 20))
        #expect(drive.runToEnd())
        drive.submit(2, prompt(1, 30))
        drive.submit(3, prompt(2, 20))
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens == [1: 0, 2: 43, 3: 2])
        #expect(drive.divergences[2] == Divergence(index: 43, cached: 20))
        #expect(drive.divergences[3] == Divergence(index: 2, cached: Self.media(1, cells: 40, positions: 6).units[0]))
        #expect(drive.generated[2] == [31, 32, 33, 34] && drive.generated[3] == [21, 22, 23, 24])
    }

    @Test func aDivisibleSegmentIsComputedAndReusedInParts() {
        let drive = EngineDrive(cells: 400, batchTokens: 16)
        let audio = Self.media(1, cells: 40, isDivisible: true)
        drive.submit(1, Prompt([.tokens([10, 11]), .media(audio), .tokens([12])]))
        var rows: [Int] = []
        for _ in 0..<5 { rows.append(drive.step().rowCount) }
        #expect(rows == [2, 16, 16, 8, 1])
        #expect(drive.runToEnd())
        drive.submit(2, Prompt([.tokens([10, 11]), .media(audio)]))
        #expect(drive.runToEnd() && drive.isConsistent && drive.cachedPromptTokens[2] == 41)
    }

    /// A segment that cannot be divided exceeds the time of a step once, rather than never being computed.
    @Test func aSegmentLongerThanAStepHasTimeForIsComputedBesideStreams() {
        let drive = EngineDrive(cells: 1000, batchTokens: 128, timing: .init(step: 0.05, stream: 0.01, row: 0.02))
        drive.submit(1, [1, 2, 3] as [Token], maximumTokens: 60)
        for _ in 0..<10 { drive.step() }
        drive.submit(2, Prompt([.tokens([50, 51]), .media(Self.media(1, cells: 100, positions: 10)), .tokens([52])]))
        var longest = 0
        for _ in 0..<12 {
            let batch = drive.step()
            #expect(batch.chunks.contains { $0.continuesStream }, "the stream continues in each step")
            longest = max(longest, batch.rowCount)
        }
        #expect(longest == 101)
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[2] == [53, 54, 55, 56])
    }

    /// A held sequence computes all but its last unit. Of a segment at the end, that is nothing.
    @Test func aHeldSequenceDoesNotDivideASegment() {
        let drive = EngineDrive(cells: 200, batchTokens: 64)
        drive.submit(1, Prompt([.tokens([10, 11]), .media(Self.media(1, cells: 20, positions: 5))]))
        #expect(drive.step(holding: [1]).rowCount == 2)
        #expect(drive.step(holding: [1]).isEmpty)
        #expect(drive.step().rowCount == 20)
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1] == [12, 13, 14, 15])
    }

    @Test func checkpointsAreNotWithinSegments() {
        let drive = EngineDrive(cells: 400, slots: 6, batchTokens: 64, canRewind: false)
        let start = Array(10..<40 as Range<Token>)
        func prompt(_ end: [Token]) -> Prompt { Prompt([.tokens(start), .media(Self.media(1, cells: 40, positions: 6)), .tokens(end)]) }
        drive.submit(1, prompt([50, 51]), landmarks: [50])
        #expect(drive.runToEnd())
        // The landmark is within the segment, so the checkpoint is before it.
        drive.submit(2, prompt([60, 61]))
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens == [1: 0, 2: 30])
    }

    @Test func aPreemptedSequenceWithMediaIsComputedAgain() {
        let drive = EngineDrive(cells: 96, slots: 4, batchTokens: 64, rule: { $0.last! % 50 + 1 })
        for id in 1...3 as ClosedRange<UInt64> {
            let segments: [Prompt.Segment] = [.tokens([Token(id)]), .media(Self.media(id, cells: 20, positions: 4)), .tokens([7])]
            drive.submit(id, Prompt(segments), maximumTokens: 30)
        }
        #expect(drive.runToEnd() && drive.isConsistent)
        let expected = (8...37).map { Token($0) }
        for id in 1...3 as ClosedRange<UInt64> { #expect(drive.generated[id] == expected) }
    }

    /// Drafts come from the text before media, never from media.
    @Test func draftsEndBeforeMedia() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: .init(step: 0.01, row: 0.001)) { Token(10 + ($0.last! - 10 + 1) % 7) }
        let cycle: [Token] = [10, 11, 12, 13, 14, 15, 16]
        drive.submit(
            1, Prompt([.tokens(cycle + [10, 11, 12, 13]), .media(Self.media(1, cells: 20, positions: 4)), .tokens([10, 11, 12])]), maximumTokens: 100)
        #expect(drive.runToEnd() && drive.isConsistent && drive.generated[1]?.count == 100)
        let expected: [Token] = (0..<100).map { 10 + (3 + $0) % 7 }
        #expect(drive.generated[1] == expected && drive.scheduler.counters.acceptedTokens > 40)
    }

    @Test func aPartOfASegmentThatCannotBeDividedIsRefused() {
        let limits = RunnerLimits(cells: 64, contextLength: 32, slots: 4, batchTokens: 8, canRewind: true)
        var runner = ScriptedRunner(limits: limits) { $0.last! + 1 }
        runner.addSequence(SequenceID(1), sampling: SequenceSampling(SamplingParameters()))
        let part = MediaCells(Self.media(1, cells: 8), cells: 0..<4)
        let chunk = Batch.Chunk(sequence: SequenceID(1), slot: 0, start: 0, content: .media(part), kind: .prefill)
        #expect(runner.compute(Batch(chunks: [chunk])).refused == 1)
    }
}
