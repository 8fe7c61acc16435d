import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Concurrent sequences with different adapters: they never share a step or cells, and take fair turns.
@Suite struct AdapterTests {
    private static func set(_ index: Int, _ scale: Float = 1) -> AdapterSet { AdapterSet([.init(index: index, scale: scale)]) }

    @Test func setsAreEqualByWhatTheyDo() {
        let both = AdapterSet([.init(index: 1, scale: 2), .init(index: 0, scale: 1)])
        #expect(both == AdapterSet([.init(index: 0, scale: 1), .init(index: 1, scale: 2), .init(index: 2, scale: 0)]))
        #expect(AdapterSet([.init(index: 3, scale: -0.0)]) == .none)
        #expect(Self.set(0, 0.5) != Self.set(0, 0.25))
    }

    @Test func aStepHasOneSetAndStreamsTakeTurns() {
        let drive = EngineDrive(cells: 400)
        drive.submit(1, [10], maximumTokens: 9)
        drive.submit(2, [20], maximumTokens: 9, adapters: Self.set(0))
        drive.submit(3, [30], maximumTokens: 9, adapters: Self.set(0))
        for _ in 0..<3 { drive.step() }
        let shapes = (0..<4).map { _ in Set(drive.step().shape.keys) }
        #expect(shapes == [[1], [2, 3], [1], [2, 3]] || shapes == [[2, 3], [1], [2, 3], [1]])
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[1] == Array(11..<20) && drive.generated[3] == Array(31..<40))
    }

    @Test func oneSetAloneChangesNothing() {
        func shapes(_ adapters: AdapterSet) -> [[UInt64: Int]] {
            let drive = EngineDrive(cells: 400, batchTokens: 8, timing: .init(step: 0.02, stream: 0.005, row: 0.002))
            for id in 1...4 as ClosedRange<UInt64> {
                drive.submit(id, (0..<20).map { Token(id) * 100 + $0 }, maximumTokens: 6, owner: Owner("\(id % 2)"), adapters: adapters)
            }
            var shapes: [[UInt64: Int]] = []
            while !drive.scheduler.isIdle { shapes.append(drive.step().shape) }
            return shapes
        }
        #expect(shapes(.none) == shapes(Self.set(0)))
    }

    @Test func aPrefixIsReusedWithinASetAndNeverAcross() {
        let drive = EngineDrive(cells: 400, slots: 8)
        let prompt: [Token] = Array(10..<40)
        let sets: [AdapterSet] = [.none, Self.set(0), Self.set(0, 0.5), Self.set(1)]
        for round in 0..<2 {
            for (index, set) in sets.enumerated() {
                drive.submit(UInt64(10 * round + index), prompt, maximumTokens: 1, adapters: set)
                #expect(drive.runToEnd() && drive.isConsistent)
            }
        }
        #expect((0..<4).map { drive.cachedPromptTokens[UInt64($0)] } == [0, 0, 0, 0])
        #expect((10..<14).map { drive.cachedPromptTokens[UInt64($0)] } == [29, 29, 29, 29])
    }

    @Test func nobodyWaitsForAPrefixThatIsComputedWithOtherAdapters() {
        let drive = EngineDrive(cells: 400, batchTokens: 8)
        let prompt: [Token] = Array(100..<160)
        drive.submit(1, prompt, maximumTokens: 1)
        drive.step()
        drive.submit(2, prompt, maximumTokens: 1, adapters: Self.set(0))
        var computed = 0
        while !drive.scheduler.isIdle { computed += drive.step().rowCount }
        #expect(computed == 52 + 60 && drive.isConsistent)
    }

    @Test func modelsWithCheckpointsKeepThemApartToo() {
        let drive = EngineDrive(cells: 400, slots: 6, canRewind: false)
        let system: [Token] = Array(100..<140)
        drive.submit(1, system + [1, 2], maximumTokens: 2, landmarks: [40])
        drive.submit(2, system + [1, 2], maximumTokens: 2, landmarks: [40], adapters: Self.set(0))
        #expect(drive.runToEnd())
        drive.submit(3, system + [7, 8], maximumTokens: 2, adapters: Self.set(0))
        drive.submit(4, system + [7, 8], maximumTokens: 2, adapters: Self.set(1))
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens == [1: 0, 2: 0, 3: 40, 4: 0])
    }

    /// The gap between a stream's tokens includes the turns of other sets, so that prefill gets only the remaining time.
    @Test func prefillLeavesRoomForTheStreamsOfOtherSets() {
        func rows(_ second: AdapterSet) -> Int {
            let drive = EngineDrive(cells: 4000, batchTokens: 256, timing: .init(step: 0.02, stream: 0.001, row: 0.001))
            drive.submit(1, [10], maximumTokens: 400)
            drive.submit(2, [20], maximumTokens: 400, adapters: second)
            for _ in 0..<40 { drive.step() }
            drive.submit(3, (0..<600).map { Token(1000 + $0) }, maximumTokens: 1)
            var most = 0
            while drive.finished[3] == nil { most = max(most, drive.step().shape[3] ?? 0) }
            return most
        }
        let (alone, beside) = (rows(.none), rows(Self.set(0)))
        #expect(beside >= 16 && beside < alone)
    }

    /// An owner with many adapter sets gets no larger share of the prefill.
    @Test func ownersShareWhateverAdaptersTheyAskFor() {
        let drive = EngineDrive(cells: 8000, slots: 16, batchTokens: 16, timing: .init(row: 0.01))
        for id in 1...6 as ClosedRange<UInt64> {
            drive.submit(id, (0..<600).map { Token(id) * 1000 + $0 }, maximumTokens: 1, owner: Owner("many"), adapters: Self.set(Int(id)))
        }
        drive.submit(9, (0..<600).map { Token(20_000 + $0) }, maximumTokens: 1, owner: Owner("one"))
        var work: [Bool: Int] = [:]
        while drive.finished[9] == nil {
            for (id, count) in drive.step().shape { work[id == 9, default: 0] += count }
        }
        #expect(work[true] == 600 && work[false, default: 0] <= 600 + 2 * 16)
    }

    @Test func setsBeyondTheMostWaitAndAllEnd() {
        let drive = EngineDrive(cells: 2000, slots: 32)
        for id in 1...20 as ClosedRange<UInt64> {
            drive.submit(id, [Token(id * 10)], maximumTokens: 5, adapters: Self.set(0, Float(id) / 10))
        }
        var most = 0
        for _ in 0..<1000 where !drive.scheduler.isIdle {
            drive.step()
            most = max(most, drive.scheduler.runningCount)
        }
        #expect(most == 8 && drive.finished.count == 20 && drive.isConsistent)
    }

    /// New requests for running sets do not starve a waiting set.
    @Test func aSetThatWaitsIsNotPassedForEver() {
        let drive = EngineDrive(cells: 4000, slots: 64)
        var id: UInt64 = 0
        func submit(_ set: Int) {
            id += 1
            drive.submit(id, [Token(id)], maximumTokens: 3, adapters: Self.set(set))
        }
        for set in 0..<8 { submit(set) }
        drive.step()
        submit(8)
        let last = id
        for round in 0..<200 where drive.finished[last] == nil {
            submit(round % 8)
            drive.step()
        }
        #expect(drive.finished[last] != nil)
    }

    @Test func flexibleWorkHoldsNobodysTurn() {
        let drive = EngineDrive(cells: 4000, slots: 32)
        for id in 1...8 as ClosedRange<UInt64> { drive.submit(id, [Token(id)], maximumTokens: 100, isFlex: true, adapters: Self.set(Int(id))) }
        for _ in 0..<20 { drive.step() }
        drive.submit(9, [1], maximumTokens: 3, adapters: Self.set(20))
        for _ in 0..<8 { drive.step() }
        #expect(drive.finished[9] == .length)
    }
}
