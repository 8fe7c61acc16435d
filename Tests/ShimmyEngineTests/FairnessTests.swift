import ShimmyCore
import ShimmyEngine
import Testing

/// The order of sequences under overload.
@Suite struct FairnessTests {
    private let alice = Owner("alice")
    private let bob = Owner("bob")

    @Test func oneRequestIsNotStarvedByAHundred() {
        let drive = EngineDrive(cells: 2000, contextLength: 60, slots: 6, running: 4)
        for id in 1...100 as ClosedRange<UInt64> { drive.submit(id, [Token(id) * 100], maximumTokens: 50, owner: alice) }
        for _ in 0..<5 { drive.step() }
        drive.submit(101, [7, 7, 7], maximumTokens: 5, owner: bob)
        for _ in 0..<6 { drive.step() }
        #expect(drive.finished[101] == .length)
        #expect(drive.runToEnd(atMost: 5000) && drive.isConsistent && drive.finished.count == 101)
        // Preempted sequences resume where they stopped.
        for id in 1...100 as ClosedRange<UInt64> {
            let first = Token(id) * 100
            #expect(drive.generated[id] == Array(first + 1...first + 50))
        }
    }

    @Test func promptsShareInProportionToWeights() {
        let heavy = Owner("heavy", weight: 3)
        let drive = EngineDrive(cells: 4000, contextLength: 400, slots: 40)
        for id in 1...20 as ClosedRange<UInt64> {
            drive.submit(id, Array(repeating: Token(id), count: 100), maximumTokens: 1, owner: id % 2 == 0 ? heavy : alice)
        }
        var computed = [0, 0]
        for _ in 0..<60 {
            for (id, count) in drive.step().shape { computed[id % 2 == 0 ? 1 : 0] += count }
        }
        #expect(Double(computed[1]) / Double(computed[0]) > 2.5 && Double(computed[1]) / Double(computed[0]) < 3.5)
    }

    @Test func whoeverComesBackStartsLevelWithTheOthers() {
        let drive = EngineDrive(cells: 4000, contextLength: 1000, slots: 8)
        drive.submit(1, Array(repeating: 1, count: 900), maximumTokens: 2, owner: alice)
        for _ in 0..<30 { drive.step() }
        // Bob is new: he gets half of the time from now on, but no compensation for Alice's earlier use.
        drive.submit(2, Array(repeating: 2, count: 400), maximumTokens: 2, owner: bob)
        var computed: [UInt64: Int] = [:]
        for _ in 0..<16 { computed.merge(drive.step().shape, uniquingKeysWith: +) }
        #expect(abs(computed[1, default: 0] - computed[2, default: 0]) <= 16)
    }

    @Test func theShortestPromptOfAnOwnerGoesFirstButNoneWaitsForEver() {
        let drive = EngineDrive(cells: 4000, contextLength: 400, slots: 20)
        drive.submit(1, Array(repeating: 1, count: 200), maximumTokens: 1)
        drive.step()
        for id in 2...60 as ClosedRange<UInt64> {
            drive.submit(id, Array(repeating: Token(id), count: 16), maximumTokens: 1)
            drive.step()
        }
        #expect(drive.finished[2] != nil)
        // The long prompt gets its turn although short ones keep arriving.
        #expect(drive.finished[1] != nil)
    }

    /// A prompt does not age by its own computed tokens: a short prompt does not wait for the rest of a long one.
    @Test func aShortPromptGoesBeforeTheRestOfALongOne() {
        let drive = EngineDrive(cells: 4000, contextLength: 400, slots: 8)
        drive.submit(1, Array(repeating: 1, count: 200), maximumTokens: 1)
        for _ in 0..<8 { drive.step() }
        drive.submit(2, Array(repeating: 2, count: 40), maximumTokens: 1)
        #expect((0..<3).map { _ in drive.step().shape } == [[2: 16], [2: 16], [2: 8, 1: 8]])
        #expect(drive.finished[2] != nil && drive.finished[1] == nil)
        #expect(drive.runToEnd() && drive.isConsistent)
    }

    /// A long prompt that waits in its middle ages by the tokens of the short ones, and is completed while they keep arriving.
    @Test func aLongPromptIsCompletedAlthoughShortOnesKeepArriving() {
        let drive = EngineDrive(cells: 4000, contextLength: 400, slots: 8)
        drive.submit(1, Array(repeating: 1, count: 200), maximumTokens: 1)
        for _ in 0..<8 { drive.step() }
        for id in 2...13 as ClosedRange<UInt64> {
            drive.submit(id, Array(repeating: Token(id), count: 16), maximumTokens: 1)
            drive.step()
        }
        #expect(drive.finished[2] != nil && drive.finished[1] != nil)
        #expect(drive.runToEnd() && drive.isConsistent)
    }

    @Test func flexibleWorkRunsOnlyAlone() {
        let drive = EngineDrive(slots: 4)
        drive.submit(1, [10, 11], maximumTokens: 12, isFlex: true)
        drive.step()
        drive.step()
        drive.submit(2, [50, 51], maximumTokens: 4)
        for _ in 0..<4 { #expect(drive.step().shape.keys.contains(1) == false) }
        #expect(drive.finished[2] != nil)
        #expect(drive.step().shape == [1: 1])
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1] == Array(12..<24))
    }

    @Test func flexibleWorkGivesItsSlotAndItsCellsBack() {
        let drive = EngineDrive(cells: 40, slots: 2, running: 1)
        drive.submit(1, Array(100..<120), maximumTokens: 8, isFlex: true)
        drive.step()
        drive.step()
        drive.step()
        drive.submit(2, Array(200..<230), maximumTokens: 2)
        drive.step()
        #expect(drive.generated[2] == nil && drive.scheduler.runningCount == 1 && drive.scheduler.waitingCount == 1)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1] == Array(120..<128) && drive.generated[2] == [230, 231])
    }
}
