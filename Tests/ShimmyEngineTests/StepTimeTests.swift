import ShimmyCore
import ShimmyEngine
import Testing

/// The amount of work in a step, derived from the durations of earlier steps.
@Suite struct StepTimeTests {
    @Test func aModelOfNothingSaysNothing() {
        let model = StepTimeModel()
        #expect(model.decodeSeconds(rows: 3) == nil && model.rows(within: 1, besides: 3) == nil)
    }

    @Test func rowsAreWhatIsLeftOfTheTime() throws {
        var model = StepTimeModel()
        model.observe(decodeRows: 0, otherRows: 100, seconds: 0.4)
        model.observe(decodeRows: 2, otherRows: 0, seconds: 0.02)
        #expect(model.rows(within: 0.1, besides: 2) == 20)
        #expect(model.rows(within: 0.1, besides: 0) == 25)
        #expect(model.rows(within: 0.01, besides: 2) == 0)
    }

    @Test func unknownNumbersOfStreamsLieBetweenKnownOnes() {
        var model = StepTimeModel()
        model.observe(decodeRows: 2, otherRows: 0, seconds: 0.01)
        model.observe(decodeRows: 6, otherRows: 0, seconds: 0.03)
        #expect(abs(model.decodeSeconds(rows: 4)! - 0.02) < 1e-9)
        #expect(model.decodeSeconds(rows: 1) == 0.01)
        #expect(abs(model.decodeSeconds(rows: 12)! - 0.06) < 1e-9)
    }

    @Test func oneStallDoesNotCountForMuch() throws {
        var model = StepTimeModel()
        for _ in 0..<20 { model.observe(decodeRows: 0, otherRows: 10, seconds: 0.1) }
        model.observe(decodeRows: 0, otherRows: 10, seconds: 100)
        #expect(try #require(model.rowSeconds) < 0.016)
        for _ in 0..<20 { model.observe(decodeRows: 0, otherRows: 10, seconds: 0.1) }
        #expect(abs(try #require(model.rowSeconds) - 0.01) < 0.0005)
    }

    /// When a long prompt arrives during a stream, no step takes much longer than the target.
    @Test(arguments: [0.0004, 0.001, 0.004]) func aStreamsGapsStayShortWhateverArrives(row: Double) {
        let drive = EngineDrive(cells: 8000, slots: 4, batchTokens: 256, timing: .init(step: 0.004, stream: 0.004, row: row))
        drive.submit(1, [5], maximumTokens: 2000)
        for _ in 0..<10 { drive.step() }
        drive.submit(2, (0..<3000).map { Token($0 % 977 + 1000) }, maximumTokens: 1)
        var steps = 0
        while drive.finished[2] == nil, steps < 1000 {
            let batch = drive.step()
            steps += 1
            let seconds = 0.004 + 0.004 + row * Double(batch.rowCount - 1)
            // The first step has 32 rows, because no measurement exists yet.
            #expect(seconds <= (steps == 1 ? 0.14 : 0.105))
        }
        // The prompt uses all the time that the gap leaves.
        let ideal = 3000 / min(255, 0.092 / row)
        #expect(Double(steps) < ideal * 1.2 + 3)
    }

    /// If two engines have work, the prefill of each gets half of the time between two tokens, whether it has streams of its own or not.
    @Test(arguments: [false, true]) func streamsOfOtherEnginesShareTheGap(hasStream: Bool) {
        let drive = EngineDrive(cells: 8000, slots: 4, batchTokens: 256, timing: .init(step: 0.004, stream: 0.004, row: 0.001))
        drive.submit(1, [5], maximumTokens: hasStream ? 2000 : 5)
        for _ in 0..<10 { drive.step() }
        drive.submit(2, (0..<2000).map { Token($0 % 977 + 1000) }, maximumTokens: 1)
        let alone = drive.step().rowCount
        let beside = (0..<10).map { _ in drive.step(beside: 1).rowCount }.dropFirst()
        #expect(beside.allSatisfy { (16...50).contains($0) }, "\(beside) after \(alone)")
        #expect(drive.step().rowCount > (beside.last ?? 0) + 20, "alone again, more fits")
    }

    /// Steps on half of the cores compute fewer rows. They take twice as long, or six times as long if other work uses the same memory. All but
    /// the first fit into the gap, and the measurements of steps on all cores stay separate.
    @Test(arguments: [2.0, 6]) func fewerCoresComputeFewerRows(factor: Double) {
        let drive = EngineDrive(cells: 8000, slots: 4, batchTokens: 256, timing: .init(step: 0.004, stream: 0.004, row: 0.001))
        drive.submit(1, [5], maximumTokens: 2000)
        for _ in 0..<10 { drive.step() }
        drive.submit(2, (0..<6000).map { Token($0 % 977 + 1000) }, maximumTokens: 1)
        for _ in 0..<3 { drive.step() }
        let usual = drive.step().rowCount
        let slow = (0..<5).map { _ in drive.step(slowdown: 2, lasting: factor).rowCount }
        let seconds = slow.map { factor * (0.008 + 0.001 * Double($0 - 1)) }
        #expect(seconds[0] < 0.15 && seconds.dropFirst().allSatisfy { $0 <= 0.12 } && seconds.last! <= 0.105, "\(seconds)")
        #expect(seconds.last! > 0.08, "\(seconds): the rest of the time is used")
        #expect(drive.step().rowCount == usual)
    }

    @Test func whenAStreamAloneTakesTooLongPrefillStillGoesOn() {
        let drive = EngineDrive(cells: 8000, slots: 4, batchTokens: 256, timing: .init(step: 0.5, stream: 0.1, row: 0.1))
        drive.submit(1, [5], maximumTokens: 2000)
        for _ in 0..<5 { drive.step() }
        drive.submit(2, (0..<200).map { Token($0 + 1000) }, maximumTokens: 1)
        let rows = (0..<52).map { _ in drive.step().rowCount }
        #expect(drive.finished[2] != nil)
        // The stream waits at most twice as long as alone.
        #expect(rows.allSatisfy { $0 <= 1 + 5 }, "\(rows)")
    }
}
