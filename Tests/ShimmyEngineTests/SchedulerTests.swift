import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// The scheduler's decisions, step by step.
@Suite struct SchedulerTests {
    @Test func aPromptIsComputedInChunksAndThenContinuedTokenByToken() {
        let drive = EngineDrive(batchTokens: 4)
        drive.submit(1, [10, 11, 12, 13, 14, 15, 16, 17, 18], maximumTokens: 3)
        #expect((0..<6).map { _ in drive.step().shape[1] ?? 0 } == [4, 4, 1, 1, 1, 0])
        #expect(drive.generated[1] == [19, 20, 21])
        #expect(drive.finished[1] == .length)
        #expect(drive.scheduler.isIdle && drive.isConsistent)
    }

    @Test func theModelsEndIsAStopAndIsNotPartOfTheAnswer() {
        let drive = EngineDrive { $0.count < 5 ? 7 : EngineDrive.endOfGeneration }
        drive.submit(1, [1, 2, 3], maximumTokens: 10)
        #expect(drive.runToEnd())
        #expect(drive.generated[1] == [7, 7])
        #expect(drive.finished[1] == .stop)
    }

    @Test func theContextsEndIsALength() {
        let drive = EngineDrive(cells: 8)
        drive.submit(1, [1, 2, 3, 4, 5], maximumTokens: 100)
        #expect(drive.runToEnd())
        #expect(drive.generated[1]?.count == 3)
        #expect(drive.finished[1] == .length)
    }

    @Test func streamsComeFirstAndPrefillGetsTheRestOfTheBudget() {
        let drive = EngineDrive()
        drive.submit(1, [10], maximumTokens: 10)
        drive.submit(2, [50], maximumTokens: 10)
        drive.step()
        drive.submit(3, Array(100..<120), maximumTokens: 2)
        #expect(drive.step().shape == [1: 1, 2: 1, 3: 14])
        #expect(drive.step().shape == [1: 1, 2: 1, 3: 6])
        #expect(drive.runToEnd() && drive.isConsistent)
    }

    @Test func sequencesBeyondTheSlotsWaitAndAllEnd() {
        let drive = EngineDrive(slots: 2)
        for id in 1...5 { drive.submit(UInt64(id), [Token(id * 100)]) }
        drive.step()
        #expect(drive.scheduler.runningCount == 2 && drive.scheduler.waitingCount == 3)
        #expect(drive.runToEnd())
        #expect(drive.finished.count == 5)
    }

    @Test func aShortPromptThatDoesNotFitStopsNobody() {
        let drive = EngineDrive(cells: 48, batchTokens: 8)
        drive.submit(1, Array(100..<130), maximumTokens: 10)
        drive.step()
        drive.submit(2, Array(200..<215), maximumTokens: 10)
        #expect(drive.step().shape == [1: 8])
        #expect(drive.runToEnd() && drive.finished.count == 2)
    }

    // MARK: Prefixes

    @Test func aRepeatedPromptComputesOnlyItsLastToken() {
        let drive = EngineDrive()
        drive.submit(1, [10, 11, 12, 13], maximumTokens: 2)
        #expect(drive.runToEnd())
        drive.submit(2, [10, 11, 12, 13], maximumTokens: 2)
        #expect(drive.step().shape == [2: 1])
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens == [1: 0, 2: 3])
        #expect(drive.generated[2] == drive.generated[1])
    }

    @Test func aConversationGoesOnWhereItEnded() {
        let drive = EngineDrive()
        drive.submit(1, [10, 11, 12], maximumTokens: 3)
        #expect(drive.runToEnd())
        // The last generated token is not computed.
        drive.submit(2, [10, 11, 12, 13, 14, 15, 40, 41], maximumTokens: 1)
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens[2] == 5)
    }

    @Test func anEditedMessageKeepsWhatIsBeforeIt() {
        let drive = EngineDrive()
        drive.submit(1, [10, 11, 12, 13, 14, 15], maximumTokens: 2)
        #expect(drive.runToEnd())
        drive.submit(2, [10, 11, 12, 90, 91], maximumTokens: 1)
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens[2] == 3)
        #expect(drive.divergences == [2: Divergence(index: 3, cached: 13)])
        // The longer prefix is still cached, because the shorter one uses a slot of its own.
        drive.submit(3, [10, 11, 12, 13, 14, 15], maximumTokens: 1)
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens[3] == 5)
    }

    @Test func requestsWithOneNewPrefixComputeItOnce() {
        let drive = EngineDrive(cells: 400, slots: 4)
        let prefix = (0..<60).map { Token(1000 + $0) }
        for id in 1...4 { drive.submit(UInt64(id), prefix + [Token(id)], maximumTokens: 2) }
        var computed = 0
        for _ in 0..<100 where !drive.scheduler.isIdle { computed += drive.step().rowCount }
        #expect(drive.finished.count == 4 && drive.isConsistent)
        // The prefix once, and for each sequence its last prompt token and one generated token.
        #expect(computed == 60 + 4 * 2)
    }

    @Test func aModelThatCannotRewindSharesWholeSequencesOnly() {
        let drive = EngineDrive(canRewind: false)
        drive.submit(1, [10, 11, 12], maximumTokens: 2)
        #expect(drive.runToEnd())
        drive.submit(2, [10, 11, 12, 13, 50], maximumTokens: 1)  // shares all four computed tokens
        #expect(drive.runToEnd())
        drive.submit(3, [10, 11, 80], maximumTokens: 1)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens == [1: 0, 2: 4, 3: 0])
    }

    @Test func aModelThatCannotRewindGoesOnFromCheckpoints() {
        let drive = EngineDrive(cells: 400, slots: 6, canRewind: false)
        let system: [Token] = Array(100..<140)
        // The first sequence leaves checkpoints at the starts of its last turns, so that an edited question can resume there.
        drive.submit(1, system + [1, 2, 3, 4, 9], maximumTokens: 3, landmarks: [40, 44])
        #expect(drive.runToEnd())
        drive.submit(2, system + [1, 7, 8, 9], maximumTokens: 3)
        #expect(drive.runToEnd())
        #expect(drive.cachedPromptTokens[2] == 40)
        // A checkpoint stays available to later sequences.
        drive.submit(3, system + [5, 6], maximumTokens: 3)
        drive.submit(4, system + [7], maximumTokens: 3)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens[3] == 40 && drive.cachedPromptTokens[4] == 40)
    }

    @Test func whereTwoPromptsPartedTheThirdGoesOn() {
        let drive = EngineDrive(cells: 400, slots: 6, canRewind: false)
        let common: [Token] = Array(100..<150)
        for (id, question) in [(UInt64(1), Token(1)), (2, 2), (3, 3)] {
            drive.submit(id, common + [question, question + 10], maximumTokens: 2)
            #expect(drive.runToEnd() && drive.isConsistent)
        }
        #expect(drive.cachedPromptTokens == [1: 0, 2: 0, 3: 50])
    }

    // MARK: Running out of cells

    @Test func idlePrefixesAreEvictedBeforeAnybodyIsPaused() {
        let drive = EngineDrive(cells: 20, slots: 4)
        drive.submit(1, Array(100..<108), maximumTokens: 1)
        #expect(drive.runToEnd())
        drive.submit(2, Array(200..<206), maximumTokens: 1)
        #expect(drive.runToEnd())
        drive.submit(3, Array(300..<315), maximumTokens: 5)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.generated[3]?.count == 5)
    }

    @Test(arguments: [true, false]) func theYoungestIsPausedAndGoesOnWithTheSameTokens(canRewind: Bool) {
        // The scheduler first reserves about 64 tokens of growth for each sequence: four fit at first, but not later.
        let drive = EngineDrive(cells: 330, slots: 6, canRewind: canRewind)
        for id in 1...4 { drive.submit(UInt64(id), Array(Token(id * 1000)..<Token(id * 1000 + 6)), maximumTokens: 200) }
        // The oldest sequence never waits: it takes one step for its prompt, and one for each token.
        for _ in 0..<200 { drive.step() }
        #expect(drive.finished[1] != nil)
        #expect(drive.runToEnd(atMost: 5000) && drive.isConsistent && drive.scheduler.counters.preemptions > 0)
        for id in 1...4 { #expect(drive.generated[UInt64(id)] == Array(Token(id * 1000 + 6)..<Token(id * 1000 + 206))) }
    }

    @Test func aLongAnswerDoesNotBlockAShortRequest() {
        let drive = EngineDrive(cells: 820, slots: 4)
        drive.submit(1, [1000, 1001], maximumTokens: 800)
        // The answer has more tokens than cells are free, so there is no room to double it.
        for _ in 0..<490 { drive.step() }
        #expect(drive.generated[1]?.count == 490)
        drive.submit(2, Array(100..<130), maximumTokens: 5)
        #expect(drive.step().shape[2] == 15)
        #expect(drive.runToEnd(atMost: 1000) && drive.isConsistent)
        #expect(drive.generated[1]?.count == 800 && drive.generated[2]?.count == 5)
        #expect(drive.scheduler.counters.preemptions == 0)
    }

    @Test func preemptedSequencesResumeOnlyWhenThereIsRoom() {
        let drive = EngineDrive(cells: 330, slots: 6)
        for id in 1...4 { drive.submit(UInt64(id), Array(Token(id * 1000)..<Token(id * 1000 + 6)), maximumTokens: 200) }
        #expect(drive.runToEnd(atMost: 5000) && drive.isConsistent)
        // All but the oldest are preempted once, and seldom again.
        #expect((3...8).contains(drive.scheduler.counters.preemptions))
    }

    @Test func whatIsSharedAgainAndAgainIsEvictedLast() {
        let drive = EngineDrive(cells: 400, slots: 4, canRewind: false)
        let system: [Token] = Array(100..<140)
        for id in 1...12 {
            drive.submit(UInt64(id), system + [Token(id), 7], maximumTokens: 2, landmarks: [40])
            #expect(drive.runToEnd() && drive.isConsistent)
            #expect(drive.cachedPromptTokens[UInt64(id)] == (id == 1 ? 0 : 40))
        }
    }

    @Test func simultaneousPromptsOfAModelThatCannotRewindShareItsCheckpoint() {
        let drive = EngineDrive(cells: 400, slots: 8, canRewind: false)
        let prompt: [Token] = Array(100..<160)
        for id in 1...4 { drive.submit(UInt64(id), prompt, maximumTokens: 3, landmarks: [50]) }
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens[1] == 0 && (2...4).allSatisfy { drive.cachedPromptTokens[$0]! >= 50 })
    }

    // MARK: Windows

    @Test func whatAModelHasForgottenIsNotShared() {
        let drive = EngineDrive(cells: 200, slots: 4, window: 8)
        let prompt: [Token] = Array(100..<140)
        drive.submit(1, prompt, maximumTokens: 2)
        #expect(drive.runToEnd())
        drive.runner.forget(before: 30)
        // An edited message: the window of the tokens before it is no longer cached.
        drive.submit(2, prompt.prefix(20) + [7, 7, 7], maximumTokens: 2)
        #expect(drive.runToEnd() && drive.cachedPromptTokens[2] == 0)
        // A conversation that continues needs only its last tokens.
        drive.submit(3, prompt + [140, 7, 7], maximumTokens: 2)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.cachedPromptTokens[3] == 41)
    }

    // MARK: The disk

    @Test func idlePrefixesMakeRoomForARestoredOne() {
        let drive = EngineDrive(cells: 160, slots: 4)
        drive.submit(1, Array(1..<100), maximumTokens: 2)
        #expect(drive.runToEnd())
        drive.submit(2, Array(120..<220), maximumTokens: 2, restorable: 99)
        #expect(drive.runToEnd() && drive.isConsistent)
        #expect(drive.restored == 1 && drive.cachedPromptTokens[2] == 99)
    }

    @Test func ofADamagedPrefixNothingIsShared() {
        let drive = EngineDrive(cells: 400, slots: 4)
        let prompt: [Token] = Array(100..<200)
        for id in 1...2 { drive.submit(UInt64(id), prompt, maximumTokens: 3, restorable: 99, isDamaged: true) }
        #expect(drive.runToEnd() && drive.isConsistent && drive.restored == 0)
        #expect(drive.generated[1] == [200, 201, 202] && drive.generated[2] == [200, 201, 202])
        // The first sequence computed the prefix, and the second one shared it.
        #expect(drive.cachedPromptTokens[1] == 0 && drive.cachedPromptTokens[2] == 99)
        #expect(drive.scheduler.counters.cachedPromptTokens == 99)
    }

    // MARK: Flexible work

    @Test func nobodyWaitsForThePromptOfFlexibleWork() {
        let drive = EngineDrive(cells: 400, slots: 4)
        let prefix: [Token] = Array(100..<180)
        drive.submit(1, prefix, maximumTokens: 2, isFlex: true)
        drive.step()
        drive.submit(2, prefix + [7], maximumTokens: 2)
        #expect(drive.runToEnd(atMost: 50) && drive.isConsistent)
        #expect(drive.generated[1]?.count == 2 && drive.generated[2]?.count == 2)
    }

    @Test func deterministicFlexibleWorkIsNotInterrupted() {
        let drive = EngineDrive(cells: 200, isDeterministic: true)
        drive.submit(1, [10, 11], maximumTokens: 6, isFlex: true)
        for _ in 0..<3 { drive.step() }
        drive.submit(2, [20, 21], maximumTokens: 2)
        #expect(drive.runToEnd(atMost: 50) && drive.isConsistent)
        #expect(drive.scheduler.counters.preemptions == 0 && drive.generated[1]?.count == 6 && drive.generated[2]?.count == 2)
    }

    // MARK: Determinism

    @Test func deterministicStepsHaveOneSequenceAndShapesOfItsOwn() {
        func shapes(_ disturb: (EngineDrive) -> Void) -> [Int] {
            let drive = EngineDrive(cells: 400, batchTokens: 16, timing: .init(step: 0.01, row: 0.01), isDeterministic: true)
            disturb(drive)
            drive.submit(9, (0..<40).map { Token(100 + $0 % 5) }, maximumTokens: 12)
            var shapes: [Int] = []
            while !drive.scheduler.isIdle {
                let batch = drive.step()
                #expect(batch.chunks.count <= 1)
                if let count = batch.shape[9] { shapes.append(count) }
            }
            #expect(drive.isConsistent && drive.cachedPromptTokens[9] == 0)
            return shapes
        }
        let alone = shapes { _ in }
        #expect(alone == [16, 16, 8] + Array(repeating: 1, count: 11))
        #expect(
            shapes { drive in
                drive.submit(1, (0..<40).map { Token(100 + $0 % 5) }, maximumTokens: 3)
                drive.submit(2, [1, 2, 3], maximumTokens: 30)
                for _ in 0..<10 { drive.step() }
            } == alone)
    }

    // MARK: Ends

    @Test func cancelledAtEveryStageNothingStays() {
        for steps in 0..<8 {
            let drive = EngineDrive(slots: 1, batchTokens: 4)
            drive.submit(1, Array(100..<112), maximumTokens: 50)
            drive.submit(2, [5, 6], maximumTokens: 2)  // waits for the slot
            for _ in 0..<steps { drive.step() }
            drive.cancel(steps == 7 ? 2 : 1)
            #expect(drive.step().shape[steps == 7 ? 2 : 1] == nil)
            if steps == 7 { drive.cancel(1) }
            #expect(drive.runToEnd() && drive.isConsistent)
            #expect(drive.runner.sequenceCount == 0)
        }
    }

    // MARK: Random traffic

    /// With random arrivals, lengths, owners, adapters and cancellations, each sequence gets the same tokens as alone, and no cell leaks.
    @Test(arguments: 0..<60) func randomTrafficIsServedAsIfEachWereAlone(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let rule: @Sendable ([Token]) -> Token = { tokens in
            let mixed = tokens.reduce(UInt64(17)) { ($0 &* 31 &+ UInt64(bitPattern: Int64($1))) % 1_000_003 }
            return mixed % 23 == 0 ? EngineDrive.endOfGeneration : Token(1 + mixed % 50)
        }
        let canRewind = Bool.random(using: &random)
        let drive = EngineDrive(
            cells: .random(in: 40...120, using: &random), contextLength: 40, slots: .random(in: 1...6, using: &random),
            batchTokens: .random(in: 6...24, using: &random), canRewind: canRewind,
            timing: Bool.random(using: &random) ? .init(step: 0.02, stream: 0.005, row: .random(in: 0.0005...0.01, using: &random)) : nil, rule: rule)
        let owners = (0..<Int.random(in: 1...3, using: &random)).map { Owner("owner \($0)") }
        let sets = Int.random(in: 1...12, using: &random)
        var requests: [UInt64: (prompt: [Token], maximum: Int)] = [:]
        var cancelled: Set<UInt64> = []
        let shared = (0..<30).map { _ in Token.random(in: 1...3, using: &random) }
        for id in 1...40 as ClosedRange<UInt64> {
            let prompt =
                shared.prefix(.random(in: 0...25, using: &random))
                + (0..<Int.random(in: 1...12, using: &random)).map { _ in .random(in: 1...4, using: &random) }
            requests[id] = (Array(prompt), .random(in: 1...12, using: &random))
            let landmarks = [Int.random(in: 0...20, using: &random), .random(in: 10...40, using: &random)]
            let set = Int.random(in: 0..<sets, using: &random)
            drive.submit(
                id, Array(prompt), maximumTokens: requests[id]!.maximum, owner: owners.randomElement(using: &random)!,
                isFlex: Int.random(in: 0..<6, using: &random) == 0, landmarks: landmarks,
                adapters: AdapterSet([.init(index: set % 2, scale: Float(set) / 4)]))
            for _ in 0..<Int.random(in: 0...4, using: &random) { drive.step() }
            if Int.random(in: 0..<5, using: &random) == 0 {
                let victim = UInt64.random(in: 1...id, using: &random)
                if drive.finished[victim] == nil {
                    drive.cancel(victim)
                    cancelled.insert(victim)
                }
            }
        }
        #expect(drive.runToEnd() && drive.isConsistent && drive.runner.sequenceCount == 0 && drive.mostEmptySteps <= 1)
        for (id, request) in requests where !cancelled.contains(id) {
            var tokens = request.prompt
            while tokens.count < request.prompt.count + request.maximum, tokens.count < 40 {
                let next = rule(tokens)
                if next == EngineDrive.endOfGeneration { break }
                tokens.append(next)
            }
            #expect(drive.generated[id, default: []] == Array(tokens[request.prompt.count...]))
            #expect(drive.finished[id] != nil)
        }
    }
}
