import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Drafts save steps and never change a token.
@Suite struct SpeculationTests {
    /// A machine on which one more row costs a tenth of a step.
    private static let cheapRows = EngineDrive.Timing(step: 0.01, row: 0.001)
    /// A machine on which one more row costs a whole step.
    private static let dearRows = EngineDrive.Timing(stream: 0.01, row: 0.01)

    /// A repetitive text: the next token of a cycle of seven.
    private static let cycle: @Sendable ([Token]) -> Token = { Token(10 + ($0.last! - 10 + 1) % 7) }

    private func steps(_ drive: EngineDrive) -> Int {
        var steps = 0
        while !drive.scheduler.isIdle, steps < 1000 {
            drive.step()
            steps += 1
        }
        return steps
    }

    @Test func aTextThatRepeatsItselfNeedsFewerSteps() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.cheapRows, rule: Self.cycle)
        drive.submit(1, [10, 11, 12, 13, 14, 15, 16, 10, 11, 12], maximumTokens: 100)
        #expect(steps(drive) < 20)
        #expect(drive.generated[1]?.count == 100 && drive.isConsistent)
        let expected: [Token] = (0..<100).map { 10 + (3 + $0) % 7 }
        #expect(drive.generated[1] == expected)
        #expect(drive.scheduler.counters.acceptedTokens > 80)
    }

    @Test func whereRowsAreDearNothingIsGuessed() {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.dearRows, rule: Self.cycle)
        drive.submit(1, [10, 11, 12, 13, 14, 15, 16, 10, 11, 12], maximumTokens: 50)
        _ = steps(drive)
        #expect(drive.scheduler.counters.draftedTokens == 0)
    }

    @Test func wrongGuessesStopSoon() {
        // Every third token repeats, but the tokens after it never do.
        let drive = EngineDrive(cells: 2000, batchTokens: 64, timing: Self.cheapRows) { tokens in
            tokens.count % 4 == 0 ? Token(1000 + tokens.count) : Token(1 + tokens.count % 4)
        }
        drive.submit(1, [1, 2, 3], maximumTokens: 400)
        _ = steps(drive)
        #expect(drive.generated[1]?.count == 400 && drive.isConsistent)
        #expect(drive.scheduler.counters.draftedTokens < 200)
    }

    @Test func aPredictionIsFollowedLeftAndFoundAgain() {
        // The answer is the prediction with one token replaced.
        let predicted = (0..<60).map { Token(100 + $0) }
        var answer = predicted
        answer[25] = 999
        let rule: @Sendable ([Token]) -> Token = { [answer] tokens in
            tokens.count - 3 < answer.count ? answer[tokens.count - 3] : EngineDrive.endOfGeneration
        }
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.cheapRows, rule: rule)
        drive.submit(1, [1, 2, 3], maximumTokens: 100, prediction: predicted)
        #expect(steps(drive) < 25)
        #expect(drive.generated[1]! == answer && drive.finished[1] == .stop)
        #expect(drive.predictions[1]!.accepted > 40)
        #expect(drive.predictions[1]!.rejected > 0)
    }

    /// Drafting resumes right after an edit in a copy of the prompt: one token is replaced or removed, or several are inserted. No token of the
    /// prompt occurs twice.
    @Test(arguments: [[999], [], [999, 998, 130]] as [[Token]]) func aCopyGoesOnRightAfterAnEdit(edit: [Token]) {
        let text = (0..<60).map { Token(100 + $0) }
        let answer = text[..<30] + edit + text[31...]
        let rule: @Sendable ([Token]) -> Token = { tokens in
            let place = tokens.count - 60
            return place < answer.count ? answer[place] : EngineDrive.endOfGeneration
        }
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.cheapRows, rule: rule)
        drive.submit(1, text, maximumTokens: 100)
        // It takes three tokens and two accepted drafts to find the text, and one step for each token of the edit and the return to the text.
        // The remaining tokens are drafts.
        #expect(steps(drive) <= 14 + edit.count)
        #expect(drive.generated[1] == Array(answer) && drive.isConsistent)
    }

    @Test func anEndInsideAGuessIsTheEnd() {
        let predicted: [Token] = [5, 6, EngineDrive.endOfGeneration, 7, 8]
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.cheapRows) { predicted[$0.count - 3] }
        drive.submit(1, [1, 2, 3], maximumTokens: 100, prediction: predicted)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1] == [5, 6] && drive.finished[1] == .stop)
    }

    @Test(arguments: 1...12) func aLimitInsideAGuessIsTheEnd(limit: Int) {
        let drive = EngineDrive(cells: 400, batchTokens: 64, timing: Self.cheapRows, rule: Self.cycle)
        drive.submit(1, [10, 11, 12, 13, 14, 15, 16, 10, 11, 12], maximumTokens: limit)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1]?.count == limit)
    }
}
