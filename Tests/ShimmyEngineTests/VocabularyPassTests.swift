import CSampling
import Foundation
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Comparison of the passes over a vocabulary with plain loops, for each instruction set, and of the tokens drawn with them.
@Suite(.serialized) struct VocabularyPassTests {
    private static let sizes = [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 200, 1000, 5003]

    private func logits(_ count: Int, spread: Double) -> [Float] {
        var random = SeededGenerator(seed: UInt64(count))
        var logits = (0..<count).map { _ in Float(Double.random(in: -spread...0, using: &random)) }
        if count > 20 {
            // Special values that models and masks produce, and equal values that are far apart.
            (logits[3], logits[5], logits[7]) = (-.infinity, .nan, -1e30)
            (logits[count / 2], logits[count - 1]) = (0, 0)
        }
        return logits
    }

    private struct Results: Equatable {
        var greatest: Int
        var weights: [UInt32]
        var sums: [UInt64]
        var kept: [Int32]
        var counts: [Int]
        var places: [Int]
    }

    private func results(_ logits: [Float]) -> Results {
        let count = logits.count
        var weights = [Float](repeating: 0, count: count)
        let greatest = csampling_greatest(logits, count)
        let total = csampling_exponentials(logits, count, logits[greatest], 0.8, &weights)
        let alone = csampling_exponentials(logits, count, logits[greatest], 0.8, nil)
        let kept = [CSamplingCandidate](unsafeUninitializedCapacity: count + 16) { buffer, found in
            found = csampling_collect(weights, count, 0.1, 0.7, buffer.baseAddress, count)
        }
        var measures = [CSamplingMeasure](repeating: .init(), count: Int(CSAMPLING_BOUNDS))
        csampling_measure(weights, count, [1, 0.5, 0.01, 0], &measures)
        let places = [0, 0.3, 0.9, 0.999].map { csampling_locate(weights, count, 0.2, $0 * measures[1].mass) }
        return Results(
            greatest: greatest, weights: weights.map(\.bitPattern), sums: ([total, alone] + measures.map(\.mass)).map(\.bitPattern),
            kept: kept.map(\.token), counts: measures.map(\.count), places: places + [csampling_locate(weights, count, 0, total * 2)])
    }

    @Test(arguments: sizes) func everySetOfInstructionsGivesTheSameBits(count: Int) {
        let logits = logits(count, spread: 12)
        _ = csampling_choose(CSAMPLING_PLAIN)
        let plain = results(logits)
        for set in [CSAMPLING_AVX2, CSAMPLING_AVX512] where csampling_choose(set) != 0 {
            #expect(results(logits) == plain)
        }
    }

    @Test(arguments: sizes) func passesAreWhatTheySay(count: Int) {
        let logits = logits(count, spread: 100)
        var weights = [Float](repeating: -1, count: count)
        let greatest = csampling_greatest(logits, count)
        let most = logits.filter { !$0.isNaN }.max()!
        #expect(greatest == logits.firstIndex(of: most))
        let total = csampling_exponentials(logits, count, most, 1, &weights)
        for (logit, weight) in zip(logits, weights) {
            let exact = logit.isNaN || logit - most < -87 ? 0 : exp(Double(logit - most))
            #expect(abs(Double(weight) - exact) <= 3e-7 * exact)
        }
        #expect(abs(total - weights.reduce(0) { $0 + Double($1) }) < 1e-6 * total)
        for (least, bound) in [(Float(0.1), Float(0.7)), (0, .infinity), (1e-20, 1e-3), (1, .infinity)] {
            let expected = weights.indices.filter { weights[$0] >= least && weights[$0] < bound }
            let found = [CSamplingCandidate](unsafeUninitializedCapacity: count + 16) { buffer, found in
                found = csampling_collect(weights, count, least, bound, buffer.baseAddress, count)
            }
            #expect(found.map { Int($0.token) } == expected && found.map(\.weight) == expected.map { weights[$0] })
            var few = [CSamplingCandidate](repeating: .init(), count: 18)
            let told = csampling_collect(weights, count, least, bound, &few, 2)
            #expect(expected.count <= 2 ? told == expected.count : told > 2)
        }
        let bounds: [Float] = [1, 0.3, 1e-4, 0]
        var measures = [CSamplingMeasure](repeating: .init(), count: Int(CSAMPLING_BOUNDS))
        csampling_measure(weights, count, bounds, &measures)
        for (bound, measure) in zip(bounds, measures) {
            let kept = weights.filter { $0 >= bound }
            #expect(measure.count == kept.count && abs(measure.mass - kept.reduce(0) { $0 + Double($1) }) < 1e-6 * total)
        }
    }

    @Test func aPointFallsIntoTheTokenThatCoversIt() {
        // Sums of these are exact.
        let weights: [Float] = (0..<500).map { $0 % 3 == 0 ? 0.5 : 0.25 }
        for least in [Float(0.25), 0.5] {
            var sum = 0.0
            for (index, weight) in weights.enumerated() where weight >= least {
                for point in [sum, sum + Double(weight) / 2] { #expect(csampling_locate(weights, 500, least, point) == index) }
                sum += Double(weight)
            }
            #expect(csampling_locate(weights, 500, least, sum) == 500)
        }
    }

    /// In a flat distribution the sampler measures tokens instead of listing them; the drawn tokens are the same.
    @Test(arguments: [Float(0.3), 0.9]) func theHeadOfAFlatDistributionIsExact(topP: Float) {
        let count = 30_000
        var random = SeededGenerator(seed: 11)
        let logits = (0..<count).map { _ in Float.random(in: -2...0, using: &random) }
        let powers = logits.map { exp(Double($0)) }
        let order = logits.indices.sorted { logits[$0] > logits[$1] }
        let wanted = Double(topP) * powers.reduce(0, +)
        var ranks = [Int](repeating: 0, count: count)
        var (mass, size, quarters) = (0.0, 0, [Int]())
        for (rank, token) in order.enumerated() {
            ranks[token] = rank
            if mass >= wanted { continue }
            mass += powers[token]
            size = rank + 1
            if mass >= wanted * Double(quarters.count + 1) / 4, quarters.count < 3 { quarters.append(rank) }
        }
        var sampler = TokenSampler(SamplingParameters(topP: topP, seed: 4))
        let scratch = SamplerScratch()
        var counts = [Int](repeating: 0, count: 4)
        let draws = 4000
        var furthest = 0
        logits.withUnsafeBufferPointer { logits in
            for _ in 0..<draws {
                let rank = ranks[Int(sampler.sample(logits, with: scratch))]
                furthest = max(furthest, rank)
                counts[quarters.firstIndex { rank <= $0 } ?? 3] += 1
            }
        }
        #expect(furthest <= size, "one more where sums round differently")
        for count in counts { #expect(abs(Double(count) - Double(draws) / 4) < 5 * (Double(draws) * 3 / 16).squareRoot()) }
    }
}
