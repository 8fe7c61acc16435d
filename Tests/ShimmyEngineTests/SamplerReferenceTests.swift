import Foundation
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Comparison of llama.cpp's other samplers (DRY, XTC, Mirostat) with direct implementations of their definitions.
@Suite struct SamplerReferenceTests {
    private static let count = 60
    private static let logits: [Float] = (0..<count).map { Float(cos(Double($0) * 2.3) * 3) }

    private func sampler(
        prompt: [Token] = [], breakers: SequenceBreakers = .init(), _ change: (inout SamplingParameters) -> Void
    ) -> SequenceSampler {
        var parameters = SamplingParameters(seed: 3)
        change(&parameters)
        var sampling = SequenceSampling(parameters, prompt: prompt)
        sampling.breakers = breakers
        return SequenceSampler(sampling, endOfGeneration: Token(Self.count - 1), ends: [])
    }

    private func draw(_ sampler: inout SequenceSampler, _ logits: [Float] = logits) -> Token {
        logits.withUnsafeBufferPointer { sampler.next($0, with: SamplerScratch())[0] }
    }

    private static func probabilities(_ logits: [Float]) -> [Double] {
        let powers = logits.map { exp(Double($0)) }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    // MARK: DRY

    /// Returns, for each token, the length of the longest text before one of its occurrences that is also a suffix of `tokens`. Tries all
    /// positions.
    private static func repetitions(_ tokens: [Token], stopping isBreaker: (Token) -> Bool) -> [Token: Int] {
        var lengths: [Token: Int] = [:]
        for place in tokens.indices.dropFirst() where !isBreaker(tokens[place]) {
            var length = 0
            while length < place, tokens[place - 1 - length] == tokens[tokens.count - 1 - length], !isBreaker(tokens[place - 1 - length]) {
                length += 1
            }
            lengths[tokens[place]] = max(length, lengths[tokens[place]] ?? 0)
        }
        return lengths
    }

    @Test func repetitionsArePunishedByTheirLength() {
        var random = SeededGenerator(seed: 5)
        let breaker: Token = 4
        for round in 0..<200 {
            // A small set of tokens causes many repetitions.
            let prompt = (0..<Int.random(in: 1...60, using: &random)).map { _ in Token.random(in: 0...4, using: &random) }
            var penalty = RepetitionPenalty(multiplier: 0.7)
            penalty.base = 1.3
            penalty.allowedLength = 1 + round % 3
            penalty.window = round % 2 == 0 ? nil : 20
            var sampler = sampler(prompt: prompt, breakers: SequenceBreakers([breaker: [[]]])) {
                $0.temperature = 0
                $0.dry = penalty
            }
            let seen = Array(prompt.suffix(penalty.window ?? prompt.count))
            let lengths = Self.repetitions(seen) { $0 == breaker }
            var logits = [Double](repeating: 0, count: Self.count)
            for token in 0..<6 { logits[token] = 2 + 0.37 * sin(Double(token * round)) }
            let given = logits.map(Float.init)
            for (token, length) in lengths where length >= penalty.allowedLength {
                logits[Int(token)] -= 0.7 * pow(1.3, Double(length - penalty.allowedLength))
            }
            let expected = logits.indices.max { (logits[$0], $1) < (logits[$1], $0) }!
            let drawn = draw(&sampler, given)
            #expect(Int(drawn) == expected, "after \(prompt)")
        }
    }

    @Test func breakersOfSeveralTokensEndRepetitionsToo() {
        // The tokens 7 8 are a sequence breaker: a match does not extend across them.
        let breakers = SequenceBreakers([7: [[8]]])
        let finder = { (tokens: [Token]) -> Token in
            var sampler = self.sampler(prompt: tokens, breakers: breakers) {
                $0.temperature = 0
                $0.dry = RepetitionPenalty(multiplier: 5)
            }
            var logits = [Float](repeating: 0, count: Self.count)
            (logits[3], logits[9]) = (2, 1)
            return self.draw(&sampler, logits)
        }
        #expect(finder([1, 2, 3, 5, 1, 2]) == 9)
        #expect(finder([7, 8, 3, 5, 7, 8]) == 3)
        #expect(finder([7, 8, 2, 3, 5, 7, 8, 2]) == 3)
        #expect(finder([7, 1, 2, 3, 5, 7, 1, 2]) == 9)
    }

    @Test func aTextThatRepeatsItselfIsMadeToStop() {
        var logits = [Float](repeating: -20, count: Self.count)
        for token in 1...3 { logits[token] = 0 }
        var looping = sampler {
            $0.temperature = 0
            $0.dry = RepetitionPenalty(multiplier: 1)
        }
        var drawn: [Token] = []
        for _ in 0..<40 { drawn.append(draw(&looping, logits)) }
        #expect(Set(drawn) == [1, 2, 3])
        let fourths = Set((0...36).map { Array(drawn[$0..<($0 + 4)]) })
        #expect(fourths.count > 20, "\(drawn)")
    }

    // MARK: XTC

    @Test func theLikeliestAreLeftOutAsOftenAsAsked() {
        let probabilities = Self.probabilities(Self.logits)
        let top = probabilities.indices.filter { probabilities[$0] >= 0.04 }.sorted { probabilities[$0] > probabilities[$1] }
        #expect(top.count > 2)
        let left = Set(probabilities.indices).subtracting(top.dropLast())
        let rest = left.reduce(0) { $0 + probabilities[$1] }
        let draws = 20_000
        var sampler = sampler {
            $0.xtcProbability = 0.3
            $0.xtcThreshold = 0.04
        }
        var counts = [Int](repeating: 0, count: Self.count)
        for _ in 0..<draws { counts[Int(draw(&sampler))] += 1 }
        for token in probabilities.indices {
            let expected = 0.7 * probabilities[token] + (left.contains(token) ? 0.3 * probabilities[token] / rest : 0)
            let deviation = (expected * (1 - expected) / Double(draws)).squareRoot()
            #expect(abs(Double(counts[token]) / Double(draws) - expected) <= 5 * deviation, "token \(token)")
        }
    }

    // MARK: Mirostat

    private static func sortedProbabilities() -> [Double] { probabilities(logits).sorted(by: >) }

    /// Each drawn token is within the bound, and the bound follows the surprise of the drawn tokens.
    @Test(arguments: [Mirostat.Version.first, .second]) func theBoundFollowsTheSurprise(version: Mirostat.Version) {
        var mirostat = Mirostat(version: version)
        mirostat.target = 2
        mirostat.rate = 0.2
        let sampler = sampler { $0.mirostat = mirostat }
        var drawing = sampler
        let probabilities = Self.probabilities(Self.logits)
        let order = probabilities.indices.sorted { (probabilities[$0], $1) > (probabilities[$1], $0) }
        let sorted = order.map { probabilities[$0] }
        var bound = 4.0
        var surprises: [Double] = []
        for _ in 0..<2000 {
            let kept = version == .first ? Self.zipfCount(sorted, bound) : max(1, sorted.firstIndex { -log2($0) > bound } ?? sorted.count)
            let total = sorted.prefix(kept).reduce(0, +)
            let token = Int(draw(&drawing))
            let rank = order.firstIndex(of: token)!
            #expect(rank < kept)
            let surprise = -log2(sorted[rank] / total)
            surprises.append(surprise)
            bound -= 0.2 * (surprise - 2)
        }
        let mean = surprises.dropFirst(200).reduce(0, +) / 1800
        #expect(abs(mean - 2) < 0.1, "the surprise is \(mean)")
    }

    private static func zipfCount(_ sorted: [Double], _ bound: Double) -> Int {
        var (products, squares) = (0.0, 0.0)
        for index in 0..<min(99, sorted.count - 1) {
            let rank: Double = log(Double(index + 2) / Double(index + 1))
            let fall: Double = log(sorted[index] / sorted[index + 1])
            products += rank * fall
            squares += rank * rank
        }
        let exponent: Double = products / squares
        let epsilon: Double = exponent - 1
        let most: Double = 1 - pow(Double(sorted.count), -epsilon)
        let k: Double = pow(epsilon * pow(2, bound) / most, 1 / exponent)
        return min(sorted.count, max(1, Int(min(k, 1e9))))
    }
}
