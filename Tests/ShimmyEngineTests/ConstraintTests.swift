import ShimmyCore
import ShimmyEngine
import Testing

/// Sampling under a constraint: only allowed tokens are drawn, with the distribution of the model restricted to them.
@Suite struct ConstraintTests {
    /// A constraint that allows some tokens, optionally forces some, and records the tokens that it receives.
    private final class Fixed: TokenConstraint, ConstraintSource, @unchecked Sendable {
        var forced: [Token]
        let mask: TokenMask?
        var accepted: [Token] = []

        init(_ allowed: Set<Token>, forced: [Token] = []) {
            mask = TokenMask(allowed, count: 128)
            self.forced = forced
        }

        func makeConstraint() -> any TokenConstraint { self }
        func prepare(until deadline: ContinuousClock.Instant) -> Bool { true }
        func accept(_ token: Token) {
            accepted.append(token)
            if forced.first == token { forced.removeFirst() }
        }
    }

    private func sampler(_ constraint: Fixed, temperature: Float, seed: Int64 = 1) -> SequenceSampler {
        SequenceSampler(
            SequenceSampling(SamplingParameters(temperature: temperature, seed: seed), constraint: constraint), endOfGeneration: 99, ends: [99])
    }

    private func draw(_ sampler: inout SequenceSampler, _ logits: [Float]) -> Token { drawAll(&sampler, logits)[0] }

    private func drawAll(_ sampler: inout SequenceSampler, _ logits: [Float]) -> [Token] {
        logits.withUnsafeBufferPointer { sampler.next($0, with: SamplerScratch()) }
    }

    @Test func theLikeliestAllowedTokenIsTakenAtTemperatureZero() {
        // The constraint refuses the 20 most likely tokens.
        let logits = (0..<100).map { Float(100 - $0) }
        let constraint = Fixed([20, 21, 50])
        var sampler = sampler(constraint, temperature: 0)
        let token = draw(&sampler, logits)
        #expect(token == 20 && constraint.accepted == [20])
    }

    @Test(arguments: [8, 40]) func drawsAreDistributedAsAmongTheAllowedAlone(refused: Int) {
        // The most likely tokens are refused; the remaining ones have odds of 4 to 2 to 1.
        let size = refused + 3
        let logits = (0..<refused).map { _ in Float(3) } + [Float(1.386_294_4), 0.693_147_2, 0]
        let first = Token(refused)
        var counts: [Token: Int] = [:]
        var sampler = sampler(Fixed([first, first + 1, first + 2]), temperature: 1)
        let draws = 14_000
        for _ in 0..<draws { counts[draw(&sampler, logits), default: 0] += 1 }
        #expect(counts.keys.allSatisfy { $0 >= first } && size == logits.count)
        // Four standard deviations from the expected 8,000, 4,000 and 2,000.
        #expect(abs(counts[first, default: 0] - 8000) < 235)
        #expect(abs(counts[first + 1, default: 0] - 4000) < 214)
        #expect(abs(counts[first + 2, default: 0] - 2000) < 166)
    }

    @Test func aForcedTokenComesWhateverTheLogitsSay() {
        let constraint = Fixed([], forced: [7])
        var sampler = sampler(constraint, temperature: 0)
        let token = draw(&sampler, [9, 0, 0, 0, 0, 0, 0, 0])
        #expect(token == 7 && constraint.accepted == [7])
    }

    @Test func whatIsForcedComesAtOnceAndTheEndIsLast() {
        let constraint = Fixed([3], forced: [7, 8, 99])
        var sampler = sampler(constraint, temperature: 0)
        let tokens = drawAll(&sampler, [9, 0, 0, 0, 0, 0, 0, 0])
        #expect(tokens == [7, 8, 99] && constraint.accepted == [7, 8], "an end is nothing for the constraint")
    }

    @Test func probabilitiesOfForcedTokensAreComputedOneByOne() {
        let constraint = Fixed([3], forced: [7, 5])
        var parameters = SamplingParameters(temperature: 0)
        parameters.logprobs = 0
        var sampler = SequenceSampler(SequenceSampling(parameters, constraint: constraint), endOfGeneration: 99, ends: [99])
        let logits: [Float] = [9, 0, 0, 0, 0, 0, 0, 0]
        let tokens = drawAll(&sampler, logits) + drawAll(&sampler, logits)
        #expect(tokens == [7, 5])
        let logprobs = sampler.takeLogprobs()
        #expect(logprobs.map(\.drawn.token) == [7, 5])
    }

    /// Sampling fails if the constraint allows no token. A complete text would allow EOG.
    @Test func whereNothingIsAllowedTheAnswerFails() {
        var sampler = sampler(Fixed([]), temperature: 1)
        let tokens = drawAll(&sampler, [Float](repeating: 0, count: 50))
        #expect(tokens.isEmpty && sampler.obstacle == .noContinuation)
    }

    /// The constraint takes precedence over a logit bias.
    @Test func theConstraintComesBeforeABias() {
        var parameters = SamplingParameters(temperature: 0)
        parameters.bias = [3: -100, 5: -100, 99: -100]
        for allowed: Set<Token> in [[3, 5], [99]] {
            var sampler = SequenceSampler(SequenceSampling(parameters, constraint: Fixed(allowed)), endOfGeneration: 99, ends: [99])
            let token = draw(&sampler, (0..<100).map { Float($0) })
            #expect(token == allowed.max() && sampler.obstacle == nil)
        }
    }

    @Test func whereNothingIsAllowedAndTheModelHasNoEndThereIsNoToken() {
        var sampler = SequenceSampler(SequenceSampling(SamplingParameters(), constraint: Fixed([])), endOfGeneration: nil, ends: [])
        let logits = [Float](repeating: 0, count: 50)
        #expect(drawAll(&sampler, logits).isEmpty)
        // An accepted draft, after which the constraint allows no token.
        let constraint = Fixed([], forced: [7])
        let exhausted = SequenceSampler(SequenceSampling(SamplingParameters(), constraint: constraint), endOfGeneration: nil, ends: [])
        logits.withUnsafeBufferPointer { row in
            var draw = SequenceDraw(sequence: SequenceID(1), sampler: exhausted, rows: [row, row, row], draft: [7, 8])
            draw.run(with: SamplerScratch(), ends: [])
            #expect(draw.tokens == [7] && draw.isExhausted)
        }
    }
}
