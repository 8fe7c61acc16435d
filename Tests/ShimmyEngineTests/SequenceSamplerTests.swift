import Foundation
import ShimmyCore
import ShimmyEngine
import Testing

/// Comparison of log probabilities, penalties and filters with the formulas in double precision.
@Suite struct SequenceSamplerTests {
    private static let logits: [Float] = (0..<200).map { Float(sin(Double($0) * 1.7) * 4) }

    private static func probabilities(_ logits: [Float], temperature: Double = 1) -> [Double] {
        let powers = logits.map { exp(Double($0) / temperature) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    private func sampler(_ change: (inout SamplingParameters) -> Void, prompt: [Token] = []) -> SequenceSampler {
        var parameters = SamplingParameters(seed: 7)
        change(&parameters)
        return SequenceSampler(SequenceSampling(parameters, prompt: prompt), endOfGeneration: 199, ends: [198, 199])
    }

    private func draw(_ sampler: inout SequenceSampler, _ logits: [Float] = logits) -> Token {
        logits.withUnsafeBufferPointer { sampler.next($0, with: SamplerScratch())[0] }
    }

    /// Returns how often each token is drawn. Each draw uses a new sampler, so that penalties do not add up.
    private func shares(_ draws: Int = 20_000, _ change: (inout SamplingParameters) -> Void) -> [Double] {
        var sampler = sampler(change)
        var counts = [Double](repeating: 0, count: Self.logits.count)
        for _ in 0..<draws { counts[Int(draw(&sampler))] += 1 }
        return counts.map { $0 / Double(draws) }
    }

    @Test func logprobsAreThoseOfTheSoftmax() {
        let expected = Self.probabilities(Self.logits).map { log($0) }
        var sampler = sampler { $0.logprobs = 20 }
        for _ in 0..<50 {
            let token = draw(&sampler)
            let told = sampler.takeLogprobs()
            #expect(told.count == 1 && told[0].drawn.token == token && told[0].top.count == 20)
            #expect(abs(Double(told[0].drawn.logprob) - expected[Int(token)]) < 1e-5)
            let likeliest = expected.indices.sorted { expected[$0] > expected[$1] }.prefix(20)
            #expect(told[0].top.map { Int($0.token) } == Array(likeliest))
            for entry in told[0].top { #expect(abs(Double(entry.logprob) - expected[Int(entry.token)]) < 1e-5) }
        }
        let rest = sampler.takeLogprobs()
        #expect(rest.isEmpty)
    }

    @Test func logprobsDoNotSeeWhatIsDoneToTheLogits() {
        var sampler = sampler {
            $0.logprobs = 1
            $0.temperature = 0
            $0.bias = [3: 100, 4: -100]
        }
        let token = draw(&sampler)
        let told = sampler.takeLogprobs()[0]
        let expected = Self.probabilities(Self.logits)
        #expect(token == 3 && abs(Double(told.drawn.logprob) - log(expected[3])) < 1e-5)
        #expect(Int(told.top[0].token) == expected.indices.max { expected[$0] < expected[$1] })
    }

    /// A penalized logit is logit - count × frequency - presence, for generated tokens only.
    @Test func penaltiesFollowOpenAIsFormula() {
        // Two tokens far above the rest, 1 apart. Each draw costs a token 0.3, and its first draw 0.25 more.
        var logits = [Float](repeating: -50, count: 200)
        (logits[5], logits[9]) = (10, 9)
        var sampler = sampler(
            {
                $0.temperature = 0
                $0.frequencyPenalty = 0.3
                $0.presencePenalty = 0.25
            }, prompt: [5, 5, 5])
        var (counts, expected): ([Double], [Token]) = ([0, 0], [])
        var drawn: [Token] = []
        for _ in 0..<12 {
            let first = 10 - counts[0] * 0.3 - (counts[0] > 0 ? 0.25 : 0)
            let second = 9 - counts[1] * 0.3 - (counts[1] > 0 ? 0.25 : 0)
            let isFirst = first > second
            counts[isFirst ? 0 : 1] += 1
            expected.append(isFirst ? 5 : 9)
            drawn.append(draw(&sampler, logits))
        }
        #expect(drawn == expected && Set(drawn) == [5, 9])
    }

    @Test func repetitionsArePunishedInThePromptToo() {
        var logits = [Float](repeating: -1, count: 200)
        (logits[5], logits[9]) = (4, 3)
        var plain = sampler({ $0.temperature = 0 }, prompt: [5])
        var punished = sampler(
            {
                $0.temperature = 0
                $0.repeatPenalty = 2
            }, prompt: [5])
        let (first, other) = (draw(&plain, logits), draw(&punished, logits))
        #expect(first == 5 && other == 9)
    }

    @Test func endsWaitForTheirTime() {
        var logits = [Float](repeating: 0, count: 200)
        (logits[199], logits[198], logits[7]) = (9, 8, 1)
        var patient = sampler {
            $0.temperature = 0
            $0.minimumTokens = 2
        }
        let tokens = (0..<3).map { _ in draw(&patient, logits) }
        #expect(tokens == [7, 7, 199])
        var endless = sampler {
            $0.temperature = 0
            $0.ignoresEnd = true
        }
        let more = (0..<5).map { _ in draw(&endless, logits) }
        #expect(more == [7, 7, 7, 7, 7])
    }

    /// Expects the shares that result if a filter keeps only the tokens in `kept`.
    private func expectShares(_ shares: [Double], keeping kept: Set<Int>) {
        let probabilities = Self.probabilities(Self.logits)
        let total = kept.reduce(0) { $0 + probabilities[$1] }
        for token in probabilities.indices {
            let expected = kept.contains(token) ? probabilities[token] / total : 0
            // The tolerance is five standard deviations of 20,000 draws.
            #expect(abs(shares[token] - expected) <= 5 * (expected * (1 - expected) / 20_000).squareRoot() + 1e-12, "token \(token)")
        }
    }

    @Test func filtersKeepWhatTheyShould() {
        let probabilities = Self.probabilities(Self.logits)
        let order = probabilities.indices.sorted { (probabilities[$0], $1) > (probabilities[$1], $0) }
        expectShares(shares { $0.topK = 7 }, keeping: Set(order.prefix(7)))
        let greatest = probabilities[order[0]]
        expectShares(shares { $0.minP = 0.3 }, keeping: Set(order.filter { probabilities[$0] >= 0.3 * greatest }))

        func head(_ tokens: [Int], _ share: Double, of total: Double) -> Set<Int> {
            var (kept, sum): (Set<Int>, Double) = ([], 0)
            for token in tokens {
                kept.insert(token)
                sum += probabilities[token]
                if sum >= share * total { break }
            }
            return kept
        }
        expectShares(shares { $0.topP = 0.6 }, keeping: head(order, 0.6, of: 1))
        let entropy = -probabilities.reduce(0) { $0 + $1 * log($1) }
        let typical = probabilities.indices.sorted { abs(-log(probabilities[$0]) - entropy) < abs(-log(probabilities[$1]) - entropy) }
        expectShares(shares { $0.typicalP = 0.5 }, keeping: head(typical, 0.5, of: 1))
        // The filters apply one after the other: top-p 0.5 of the 40 most likely tokens.
        let forty = Array(order.prefix(40))
        expectShares(
            shares {
                $0.topK = 40
                $0.topP = 0.5
            }, keeping: head(forty, 0.5, of: forty.reduce(0) { $0 + probabilities[$1] }))
    }
}
