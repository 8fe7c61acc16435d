import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// All features combined, with too few cells: long shared prefixes, answers that outgrow the cells, accepted and rejected drafts, prefixes
/// from the disk, flexible work, cancellations.
@Suite struct CrowdTests {
    private struct Request {
        var prompt: [Token]
        var maximum: Int
    }

    /// A repeating cycle, which drafts predict, with occasional jumps, which they do not.
    private static let rule: @Sendable ([Token]) -> Token = { tokens in
        let mixed = (tokens.suffix(4) + [Token(tokens.count)]).reduce(UInt64(17)) { ($0 &* 31 &+ UInt64(bitPattern: Int64($1))) % 1_000_003 }
        return mixed % 211 == 0 ? EngineDrive.endOfGeneration : tokens.count % 31 == 7 ? Token(1 + mixed % 60) : tokens.last! % 9 + 1
    }

    /// Occasional runs of forced tokens, some longer than a batch.
    private static let forced: @Sendable ([Token]) -> Int = { tokens in
        guard tokens[0] % 3 == 0, tokens.count % 5 == 0 else { return 0 }
        return tokens.count % 15 == 0 ? 70 : tokens.count % 10
    }

    private static func alone(_ request: Request, contextLength: Int) -> [Token] {
        var tokens = request.prompt
        while tokens.count < request.prompt.count + request.maximum, tokens.count < contextLength {
            let next = rule(tokens)
            if next == EngineDrive.endOfGeneration { break }
            tokens.append(next)
        }
        return Array(tokens[request.prompt.count...])
    }

    @Test(arguments: 0..<40) func everybodyEndsAsIfAlone(seed: Int) {
        var random = SeededGenerator(seed: UInt64(1000 + seed))
        let canRewind = seed % 4 != 0
        let drive = EngineDrive(
            cells: .random(in: 300...700, using: &random), contextLength: 300, slots: .random(in: 2...10, using: &random),
            batchTokens: .random(in: 16...64, using: &random), canRewind: canRewind,
            timing: .init(step: 0.02, stream: 0.004, row: .random(in: 0.0002...0.003, using: &random)), rule: Self.rule, forced: Self.forced)
        let owners = (1...3).map { Owner("owner \($0)", weight: Double($0)) }
        let system = (0..<150).map { _ in Token.random(in: 1...60, using: &random) }
        var requests: [UInt64: Request] = [:]
        var cancelled: Set<UInt64> = []
        for id in 1...30 as ClosedRange<UInt64> {
            let common = [0, 40, 90, 150].randomElement(using: &random)!
            let own = (0..<Int.random(in: 1...30, using: &random)).map { _ in Token.random(in: 1...60, using: &random) }
            let request = Request(prompt: system.prefix(common) + own, maximum: .random(in: 1...120, using: &random))
            requests[id] = request
            let restorable = Bool.random(using: &random) ? Int.random(in: 0..<request.prompt.count, using: &random) : 0
            drive.submit(
                id, request.prompt, maximumTokens: request.maximum, owner: owners.randomElement(using: &random)!,
                isFlex: Int.random(in: 0..<5, using: &random) == 0, landmarks: [common], restorable: restorable,
                isDamaged: Int.random(in: 0..<3, using: &random) == 0)
            for _ in 0..<Int.random(in: 0...12, using: &random) { drive.step() }
            let victim = UInt64.random(in: 1...id, using: &random)
            if Int.random(in: 0..<8, using: &random) == 0, drive.finished[victim] == nil {
                drive.cancel(victim)
                cancelled.insert(victim)
            }
        }
        #expect(drive.runToEnd(atMost: 20_000) && drive.isConsistent && drive.runner.sequenceCount == 0 && drive.mostEmptySteps <= 1)
        for (id, request) in requests where !cancelled.contains(id) {
            #expect(drive.generated[id, default: []] == Self.alone(request, contextLength: 300))
        }
    }

    /// Each of the situations that the test above covers really occurs in it.
    @Test func thereReallyIsACrowd() {
        var counters = SchedulerCounters()
        var (restored, together) = (0, 0)
        // Answers that outgrow the cells and all end by length, with some rejected drafts.
        let endless: @Sendable ([Token]) -> Token = { $0.count % 31 == 7 ? Token(1 + $0.count % 60) : $0.last! % 9 + 1 }
        for seed in 0..<8 {
            let drive = EngineDrive(
                cells: 400, contextLength: 300, slots: 6, batchTokens: 32, timing: .init(step: 0.02, stream: 0.004, row: 0.0005),
                rule: seed % 2 == 0 ? endless : Self.rule, forced: Self.forced)
            for id in 1...12 as ClosedRange<UInt64> {
                let prompt = (0..<100).map { Token(1 + ($0 * 7 + seed) % 60) } + [Token(id), 3]
                drive.submit(id, prompt, maximumTokens: 150, restorable: id == 1 ? 90 : 0)
                for _ in 0..<5 {
                    for chunk in drive.step().chunks where chunk.continuesStream { together = max(together, chunk.tokens.count - chunk.drafts) }
                }
            }
            #expect(drive.runToEnd(atMost: 20_000) && drive.isConsistent)
            restored += drive.restored
            counters.preemptions += drive.scheduler.counters.preemptions
            counters.acceptedTokens += drive.scheduler.counters.acceptedTokens
            counters.draftedTokens += drive.scheduler.counters.draftedTokens
            counters.evictions += drive.scheduler.counters.evictions
            counters.cachedPromptTokens += drive.scheduler.counters.cachedPromptTokens
        }
        #expect(restored > 0, "\(counters)")
        #expect(together > 4, "no forced tokens were computed together")
        let counts = [counters.preemptions, counters.evictions, counters.cachedPromptTokens, counters.acceptedTokens]
        for count in counts { #expect(count > 0, "\(counters)") }
        #expect(counters.draftedTokens > counters.acceptedTokens)
    }
}
