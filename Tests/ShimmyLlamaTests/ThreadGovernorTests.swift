import ShimmyLlama
import Testing

/// The number of threads when another program uses a core.
@Suite struct ThreadGovernorTests {
    /// Runs steps on a simulated machine. `seconds` returns the duration of a step for a number of threads. Returns the number of threads of each
    /// step.
    private func run(_ governor: inout ThreadGovernor, steps: Int, rows: Int = 1, _ seconds: (Int) -> Double) -> [Int] {
        (0..<steps).map { _ in
            let threads = governor.threads
            governor.didStep(streams: rows, rows: rows, seconds: seconds(threads))
            return threads
        }
    }

    private let quiet: (Int) -> Double = { $0 == 2 ? 0.010 : 0.016 }
    private let disturbed: (Int) -> Double = { $0 == 2 ? 0.030 : 0.016 }

    @Test func allThreadsComputeWhileNobodyDisturbs() {
        var governor = ThreadGovernor(most: 2)
        // The governor compares both numbers of threads at the beginning.
        #expect(run(&governor, steps: 20, quiet).count { $0 == 1 } == 8)
        #expect(run(&governor, steps: 500, quiet).allSatisfy { $0 == 2 })
    }

    @Test func aProgramThatWasThereFirstIsNoticed() {
        var governor = ThreadGovernor(most: 2)
        let busy = run(&governor, steps: 1000, disturbed)
        #expect(busy.count { $0 == 1 } > 900)
        _ = run(&governor, steps: 220, quiet)
        #expect(run(&governor, steps: 500, quiet).allSatisfy { $0 == 2 })
    }

    @Test func aLuckyStepNowAndThenHidesNothing() {
        var governor = ThreadGovernor(most: 2)
        var step = 0
        let threads = run(&governor, steps: 1000) { threads in
            step += 1
            return threads == 1 ? 0.016 : step % 6 == 0 ? 0.010 : 0.040
        }
        #expect(threads.count { $0 == 1 } > 900)
    }

    @Test func muchLongerContextsAreNoDisturbance() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 50, quiet)
        let threads = run(&governor, steps: 2000) { $0 == 2 ? 0.050 : 0.080 }
        #expect(threads.count { $0 == 1 } <= 8)
    }

    @Test func stepsOfOtherSizesAreNoEvidence() {
        var governor = ThreadGovernor(most: 2)
        for _ in 0..<5 { for rows in 1...4 { _ = run(&governor, steps: 3, rows: rows) { self.quiet($0) * Double(rows) } } }
        // Two alternating numbers of streams, each with its own baseline.
        var busy = 0
        for _ in 0..<300 {
            for rows in [2, 4] { busy += run(&governor, steps: 1, rows: rows) { self.disturbed($0) * Double(rows) }[0] == 1 ? 1 : 0 }
        }
        #expect(busy > 500)
    }

    @Test func oneFewerComputesWhileAnotherProgramRunsAndAllAfterwards() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 50, quiet)
        let busy = run(&governor, steps: 1000, disturbed)
        #expect(busy.count { $0 == 1 } > 900)
        _ = run(&governor, steps: 210, quiet)
        #expect(run(&governor, steps: 500, quiet).allSatisfy { $0 == 2 })
    }

    @Test func whatDoesNotHelpIsNotKept() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 50, quiet)
        let threads = run(&governor, steps: 1000) { $0 == 2 ? 0.030 : 0.050 }
        #expect(threads.count { $0 == 1 } < 60)
    }

    @Test func aSingleStallChangesNothing() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 50, quiet)
        for _ in 0..<20 {
            #expect(run(&governor, steps: 3) { _ in 0.1 }.allSatisfy { $0 == 2 })
            #expect(run(&governor, steps: 5, quiet).allSatisfy { $0 == 2 })
        }
    }

    /// If threads spin for one that lost its core, a step can take seconds. The governor reacts after one such step and rarely tries again.
    @Test func stepsOfSecondsAreMetOnceAndThenRarely() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 50, quiet)
        let stalling: (Int) -> Double = { $0 == 2 ? 3 : 0.016 }
        #expect(run(&governor, steps: 200, stalling).count { $0 == 2 } == 1)
        #expect(run(&governor, steps: 10_000, stalling).count { $0 == 2 } <= 8)
        _ = run(&governor, steps: 3300, quiet)
        #expect(run(&governor, steps: 500, quiet).allSatisfy { $0 == 2 })
    }

    @Test func growingContextsAreNoDisturbance() {
        var governor = ThreadGovernor(most: 2)
        _ = run(&governor, steps: 20, quiet)
        var seconds = 0.010
        let threads = run(&governor, steps: 4000) { _ in
            seconds *= 1.0005
            return seconds
        }
        #expect(threads.allSatisfy { $0 == 2 })
    }

    @Test func oneThreadIsAllThereIs() {
        var governor = ThreadGovernor(most: 1)
        #expect(run(&governor, steps: 100) { _ in .random(in: 0.001...1) }.allSatisfy { $0 == 1 })
    }

    // MARK: Mixed traffic

    /// Runs steps with prompts of all sizes and one to four streams; each row takes equally long. Returns the number of threads of each step.
    private func mix(_ governor: inout ThreadGovernor, steps: Int, _ row: (Int) -> Double) -> [Int] {
        (0..<steps).map { step in
            let (streams, others) = (1 + step % 4, [17, 40, 63, 90, 130, 200, 12, 55][step % 8])
            let threads = governor.threads
            governor.didStep(streams: streams, rows: streams + others, seconds: row(threads) * Double(streams + others))
            return threads
        }
    }

    private let quietRow: (Int) -> Double = { $0 == 2 ? 0.0018 : 0.0033 }

    @Test func mixedStepsAreLeftAloneWhileNobodyDisturbs() {
        var governor = ThreadGovernor(most: 2)
        _ = mix(&governor, steps: 40, quietRow)
        #expect(mix(&governor, steps: 1000, quietRow).allSatisfy { $0 == 2 })
    }

    /// If all steps contain prefill and a busy program makes them about twenty times as long, the governor notices within seconds.
    @Test func aBusyProgramBesideMixedStepsIsNoticed() {
        var governor = ThreadGovernor(most: 2)
        _ = mix(&governor, steps: 100, quietRow)
        var seconds = 0.0
        let threads = mix(&governor, steps: 600) { threads in threads == 2 ? 0.038 : 0.0033 }
        for (step, count) in threads.enumerated().prefix(20) where count == 2 {
            seconds += 0.038 * Double([17, 40, 63, 90, 130, 200, 12, 55][step % 8])
        }
        #expect(threads.prefix(20).last == 1 && seconds < 20, "\(seconds) s")
        #expect(threads.count { $0 == 2 } < 20, "it does not go back for long")
        _ = mix(&governor, steps: 250, quietRow)
        #expect(mix(&governor, steps: 300, quietRow).allSatisfy { $0 == 2 })
    }

    @Test func whatIsSlowFromTheBeginningIsNoticedInMixedSteps() {
        var governor = ThreadGovernor(most: 2)
        let threads = mix(&governor, steps: 400) { threads in threads == 2 ? 0.020 : 0.0033 }
        #expect(threads.suffix(300).count { $0 == 1 } > 280)
    }

    /// Rows in small steps take longer than in large ones, and rows late in a long text longer than early ones. Neither counts as a disturbance.
    @Test func rowsThatAreDearBySizeOrPlaceAreNoDisturbance() {
        var governor = ThreadGovernor(most: 2)
        var threads: [Int] = []
        for step in 0..<2000 {
            let rows = [20, 100, 250, 30][step % 4]
            let depth = Double(step % 200) / 200
            let all = (0.004 + 0.0015 * Double(rows)) * (1 + 0.7 * depth)
            threads.append(governor.threads)
            governor.didStep(streams: 2, rows: rows, seconds: governor.threads == 2 ? all : 1.8 * all)
        }
        #expect(threads.count { $0 == 1 } < 100)
    }

    @Test func stepsWithoutRowsAreNoEvidence() {
        var governor = ThreadGovernor(most: 2)
        for _ in 0..<50 { governor.didStep(streams: 0, rows: 0, seconds: 1) }
        #expect(governor.threads == 2)
    }
}
