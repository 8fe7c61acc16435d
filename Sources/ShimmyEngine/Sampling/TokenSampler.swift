import Foundation
package import ShimmyCore

/// Draws tokens for one sequence from logits. Its random numbers are its own: neighbours in a batch never change a draw.
///
/// OpenAI's order: the temperature shapes the distribution whose head `top_p` then keeps. Written for the decode thread: one pass for
/// a greedy token, three for a draw, no sorting of the vocabulary.
package struct TokenSampler {
    private let temperature: Float
    private let topP: Float
    private let topK: Int
    private let minP: Float
    private let typicalP: Float
    private let xtcProbability: Float
    private let xtcThreshold: Float
    private var mirostat: MirostatState?
    private var random: RandomBits
    private let scratch: SamplerScratch

    package init(_ parameters: SamplingParameters, scratch: SamplerScratch = SamplerScratch()) {
        self.scratch = scratch
        temperature = parameters.temperature
        topP = parameters.topP
        topK = parameters.topK
        minP = parameters.minP
        typicalP = parameters.typicalP
        xtcProbability = parameters.xtcProbability
        xtcThreshold = parameters.xtcThreshold
        mirostat = parameters.mirostat.map(MirostatState.init)
        random = RandomBits(seed: parameters.seed.map { UInt64(bitPattern: $0) } ?? .random(in: .min ... .max))
    }

    /// - logits: one for each token of the vocabulary, at least one; not-a-number never wins.
    package mutating func sample(_ logits: UnsafeBufferPointer<Float>) -> Token {
        let best = Self.greatest(logits)
        if temperature <= 0 { return Token(best) }
        let total = fillWeights(logits, greatest: logits[best])
        guard total > 0, total.isFinite else { return Token(best) }
        let isFiltered = topP < 1 || topK > 0 || minP > 0 || typicalP < 1 || xtcProbability > 0 || mirostat != nil
        return Token((isFiltered ? drawFiltered(total: total) : draw(below: total)) ?? best)
    }

    /// The first of the greatest logits. Two passes that the compiler turns into vector code.
    static func greatest(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var lanes = SIMD16<Float>(repeating: -.infinity)
        let blocks = logits.count / 16
        let base = UnsafeRawPointer(logits.baseAddress!)
        for block in 0..<blocks {
            let values = base.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self)
            lanes.replace(with: values, where: values .> lanes)
        }
        var greatest = lanes.max()
        for index in blocks * 16..<logits.count where logits[index] > greatest { greatest = logits[index] }
        return logits.firstIndex(of: greatest) ?? 0
    }

    /// exp((logit - greatest) / temperature) for each token; returns the sum.
    private func fillWeights(_ logits: UnsafeBufferPointer<Float>, greatest: Float) -> Double {
        if scratch.weights.count != logits.count { scratch.weights = [Float](repeating: 0, count: logits.count) }
        let scale = 1 / temperature
        let base = UnsafeRawPointer(logits.baseAddress!)
        let blocks = logits.count / 16
        var total = 0.0
        scratch.weights.withUnsafeMutableBytes { buffer in
            for block in 0..<blocks {
                let values = base.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self)
                let powers = Exponential.of((values - greatest) * scale)
                buffer.storeBytes(of: powers, toByteOffset: block * 64, as: SIMD16<Float>.self)
                total += Double(powers.sum())
            }
        }
        for index in blocks * 16..<logits.count {
            let power = Exponential.of(SIMD16(repeating: (logits[index] - greatest) * scale))[0]
            scratch.weights[index] = power
            total += Double(power)
        }
        return total
    }

    /// The token in whose part of 0..<total a random point falls.
    private mutating func draw(below total: Double) -> Int? {
        let point = random.unit() * total
        var sum = 0.0
        // Sums of 64 first: most of the vocabulary is passed by without looking at each token.
        return scratch.weights.withUnsafeBufferPointer { weights in
            var start = 0
            while start < weights.count {
                let end = min(start + 64, weights.count)
                var block: Float = 0
                for index in start..<end { block += weights[index] }
                if sum + Double(block) > point {
                    for index in start..<end {
                        sum += Double(weights[index])
                        if sum > point { return index }
                    }
                } else {
                    sum += Double(block)
                }
                start = end
            }
            return weights.lastIndex { $0 > 0 }
        }
    }

    // MARK: Filters

    /// Below this part of the likeliest token's probability no filter has anything to say.
    private static let negligible: Float = 0x1p-24

    /// Draws from what `min_p`, `top_k`, `typical_p`, `top_p`, XTC and mirostat leave, each of what the one before it left.
    /// - total: of all weights.
    private mutating func drawFiltered(total: Double) -> Int? {
        // What is surely left out need not be looked at: with `top_p` alone those tokens that are so unlikely that all of the vocabulary
        // would not reach the part that it cuts off.
        let isTopPAlone = topP < 1 && topK <= 0 && typicalP >= 1 && minP <= 0
        var least = isTopPAlone ? Float(Double(1 - topP) * total / Double(scratch.weights.count)) : max(minP, Self.negligible)
        if topK > 0 { least = max(least, Candidates.bound(ofTop: topK, in: scratch.weights)) }
        scratch.candidates.collect(scratch.weights, atLeast: min(least, 1))
        if topK > 0 { scratch.candidates.keepTop(topK) }
        if typicalP < 1 { scratch.candidates.keepTypical(Double(typicalP)) }
        if topP < 1 { scratch.candidates.keepHead(weighing: Double(topP) * (isTopPAlone ? total : scratch.candidates.total)) }
        if xtcProbability > 0, random.unit() < Double(xtcProbability) { scratch.candidates.dropTop(above: Double(xtcThreshold)) }
        guard mirostat != nil else { return scratch.candidates.index(at: random.unit()).map { Int(scratch.candidates.items[$0].token) } }
        return drawWithMirostat()
    }

    private mutating func drawWithMirostat() -> Int? {
        guard var state = mirostat else { return nil }
        scratch.candidates.keepTop(state.kept(of: scratch.candidates.sortedShares(), vocabulary: scratch.weights.count))
        let shares = scratch.candidates.sortedShares()
        guard let drawn = scratch.candidates.index(at: random.unit()) else { return nil }
        state.didDraw(probability: shares[drawn])
        mirostat = state
        return Int(scratch.candidates.items[drawn].token)
    }
}

/// What draws need beside their own state. One for all samplers of a thread: it stays in the processor's cache.
package final class SamplerScratch {
    fileprivate var weights: [Float] = []
    fileprivate var candidates = Candidates()
    /// Logits as penalties and constraints change them.
    var shaped: [Float] = []

    package init() {}
}

@available(*, unavailable)
extension SamplerScratch: Sendable {}

extension Exponential {
    /// The sum of e^(logit - greatest).
    static func sum(of logits: UnsafeBufferPointer<Float>, minus greatest: Float) -> Double {
        let base = UnsafeRawPointer(logits.baseAddress!)
        let blocks = logits.count / 16
        var total = 0.0
        for block in 0..<blocks {
            total += Double(of(base.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self) - greatest).sum())
        }
        for index in blocks * 16..<logits.count { total += Double(of(SIMD16(repeating: logits[index] - greatest))[0]) }
        return total
    }
}

/// e to the power of 16 numbers at once, to a relative error below 3e-7 (for x <= 0; 0 below -87).
enum Exponential {
    @inline(__always)
    static func of(_ x: SIMD16<Float>) -> SIMD16<Float> {
        let low = SIMD16<Float>(repeating: -87)
        let bounded = x.replacing(with: low, where: .!(x .>= low))
        // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, so that r keeps its bits. Adding a large number rounds to an integer and
        // leaves it in the low bits: every processor does that sixteen at once, which is not true of its rounding and converting.
        let shifted = bounded * 1.442_695_04 + Self.shift
        let n = shifted - Self.shift
        let r = (bounded - n * 0.693_359_375) + n * 2.121_944_4e-4
        // The Taylor polynomial of e^r to the sixth power.
        var p = SIMD16<Float>(repeating: 1.388_888_9e-3)
        p = p * r + 8.333_333_3e-3
        p = p * r + 4.166_666_7e-2
        p = p * r + 1.666_666_7e-1
        p = p * r + 0.5
        p = p * r + 1
        p = p * r + 1
        let exponents = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &- Self.shift.bitPattern &+ 127
        let power = SIMD16<Float>(bitPattern: exponents &<< 23)
        return (p * power).replacing(with: 0, where: .!(x .>= low))
    }

    /// 1.5 × 2^23: the unit of its last bit is 1.
    private static let shift: Float = 12_582_912
}

extension SIMD16<Float> {
    fileprivate init(bitPattern bits: SIMD16<UInt32>) { self = unsafeBitCast(bits, to: SIMD16<Float>.self) }
}

/// xoshiro256++ (Blackman and Vigna, 2018), seeded by SplitMix64 as its authors recommend: the same draws on every machine.
struct RandomBits {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var seed = seed
        func split() -> UInt64 {
            seed &+= 0x9E37_79B9_7F4A_7C15
            var mixed = seed
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        state = (split(), split(), split(), split())
    }

    mutating func next() -> UInt64 {
        let result = rotated(state.0 &+ state.3, 23) &+ state.0
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }

    /// 0 to 1, without 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    private func rotated(_ bits: UInt64, _ by: UInt64) -> UInt64 { (bits << by) | (bits >> (64 - by)) }
}
