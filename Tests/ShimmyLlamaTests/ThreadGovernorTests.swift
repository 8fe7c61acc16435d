import ShimmyLlama
import Testing

/// How many threads compute when another program needs a core.
@Suite struct ThreadGovernorTests {
    /// Runs steps on a pretended machine: seconds of a step by the number of threads. Returns the threads of the last step.
    private func run(_ governor: inout ThreadGovernor, steps: Int, rows: Int = 1, _ seconds: (Int) -> Double) -> [Int] {
        (0..<steps).map { _ in
            let threads = governor.threads
            governor.didStep(rows: rows, seconds: seconds(threads))
            return threads
        }
    }

    private let quiet: (Int) -> Double = { $0 == 2 ? 0.010 : 0.016 }
    private let disturbed: (Int) -> Double = { $0 == 2 ? 0.030 : 0.016 }

    @Test func allThreadsComputeWhileNobodyDisturbs() {
        var governor = ThreadGovernor(most: 2)
        // After a comparison at the beginning.
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
        // Two numbers of streams in turn: each has its own calm steps.
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
}
