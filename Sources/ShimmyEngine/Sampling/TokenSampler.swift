import CSampling
import Foundation
package import ShimmyCore

/// A sampler that draws one sequence's tokens from logits. It has its own random numbers, so that other sequences in a batch never change a draw.
///
/// The order is OpenAI's: the temperature shapes the distribution, then `top_p` keeps its head. Vector code passes over the vocabulary a few times
/// and never sorts it.
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

    package init(_ parameters: SamplingParameters) {
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

    /// Draws a token.
    /// - logits: one for each token of the vocabulary, at least one; NaN never wins.
    package mutating func sample(_ logits: UnsafeBufferPointer<Float>, with scratch: SamplerScratch) -> Token {
        let best = csampling_greatest(logits.baseAddress, logits.count)
        if temperature <= 0 { return Token(best) }
        if scratch.weights.count != logits.count { scratch.weights = [Float](repeating: 0, count: logits.count) }
        let total = csampling_exponentials(logits.baseAddress, logits.count, logits[best], 1 / temperature, &scratch.weights)
        guard total > 0, total.isFinite else { return Token(best) }
        return Token(draw(of: total, with: scratch) ?? best)
    }

    // MARK: Drawing

    /// The part of the likeliest token's probability below which a token matters to no filter.
    private static let negligible: Float = 0x1p-24
    /// The max number of tokens for which listing is faster than searching for weight bounds.
    private static let few = 2048

    /// Draws a token's index by the fastest method that the parameters allow; nil for none.
    /// - total: the sum of all weights.
    private mutating func draw(of total: Double, with scratch: SamplerScratch) -> Int? {
        if topK <= 0, minP <= 0, typicalP >= 1, xtcProbability <= 0, mirostat == nil {
            return topP < 1 ? drawFromHead(of: total, with: scratch) : drawFromAll(of: total, with: scratch)
        }
        return drawFiltered(of: total, with: scratch)
    }

    /// Returns a lower bound on the weight of tokens that `topP` may keep. If all tokens of a vocabulary weighed less, their sum would not reach
    /// the part that `topP` cuts off.
    private func minWeightOfHead(of total: Double, _ scratch: SamplerScratch) -> Float {
        min(1, Float((1 - Double(topP)) * total / Double(scratch.weights.count)))
    }

    private mutating func drawFromAll(of total: Double, with scratch: SamplerScratch) -> Int? {
        let index = csampling_locate(scratch.weights, scratch.weights.count, 0, random.unit() * total)
        return index < scratch.weights.count ? index : scratch.weights.lastIndex { $0 > 0 }
    }

    /// Draws from the likeliest tokens that together have the part `topP` of the total weight.
    private mutating func drawFromHead(of total: Double, with scratch: SamplerScratch) -> Int? {
        let wanted = Double(topP) * total
        let minWeight = minWeightOfHead(of: total, scratch)
        if scratch.candidates.collect(scratch.weights, atLeast: minWeight, atMost: Self.few) {
            scratch.candidates.keepHead(weighing: wanted)
            return scratch.candidates.token(at: random.unit())
        }
        // Many tokens have similar weights. All tokens above the border classes belong to the head; only the tokens in these classes have to be
        // listed.
        let border = WeightClass.border(in: scratch.weights, upTo: WeightClass.of(minWeight), leaving: Self.few / 4) { $0.mass >= wanted }
        let bound = border.classes.lowerBound == 0 ? Float.infinity : WeightClass.floor(border.classes.lowerBound - 1)
        scratch.candidates.collect(scratch.weights, atLeast: WeightClass.floor(border.classes.upperBound), below: bound)
        scratch.candidates.keepHead(weighing: wanted - border.above.mass)
        let edge = scratch.candidates.total
        let point = random.unit() * (border.above.mass + edge)
        if point < border.above.mass {
            let index = csampling_locate(scratch.weights, scratch.weights.count, bound, point)
            if index < scratch.weights.count { return index }
        }
        return scratch.candidates.token(at: max(0, point - border.above.mass) / edge)
    }

    // MARK: Filters

    /// Draws from the tokens that `min_p`, `top_k`, `typical_p`, `top_p`, XTC and mirostat leave. Each filter applies to the tokens that the
    /// previous one left.
    private mutating func drawFiltered(of total: Double, with scratch: SamplerScratch) -> Int? {
        let isTopPFirst = topP < 1 && topK <= 0 && typicalP >= 1 && minP <= 0
        var minWeight = isTopPFirst ? minWeightOfHead(of: total, scratch) : max(minP, Self.negligible)
        if topK > 0 {
            let border = WeightClass.border(in: scratch.weights, leaving: Self.few / 4) { $0.count >= topK }
            minWeight = max(minWeight, WeightClass.floor(border.classes.upperBound))
        }
        scratch.candidates.collect(scratch.weights, atLeast: min(minWeight, 1))
        if topK > 0 { scratch.candidates.keepTop(topK) }
        if typicalP < 1 { scratch.candidates.keepTypical(Double(typicalP)) }
        if topP < 1 { scratch.candidates.keepHead(weighing: Double(topP) * (isTopPFirst ? total : scratch.candidates.total)) }
        if xtcProbability > 0, random.unit() < Double(xtcProbability) { scratch.candidates.dropTop(above: Double(xtcThreshold)) }
        return mirostat == nil ? scratch.candidates.token(at: random.unit()) : drawWithMirostat(scratch)
    }

    private mutating func drawWithMirostat(_ scratch: SamplerScratch) -> Int? {
        guard var state = mirostat else { return nil }
        scratch.candidates.keepTop(state.kept(of: scratch.candidates.sortedShares(), vocabulary: scratch.weights.count))
        let shares = scratch.candidates.sortedShares()
        guard let drawn = scratch.candidates.index(at: random.unit()) else { return nil }
        state.didDraw(probability: shares[drawn])
        mirostat = state
        return Int(scratch.candidates.items[drawn].token)
    }
}

/// The scratch memory of draws. All samplers of a thread share one, so that it stays in the processor's cache. Nothing in it outlives a draw.
package final class SamplerScratch {
    fileprivate var weights: [Float] = []
    fileprivate var candidates = Candidates()
    /// The logits after penalties and constraints.
    var shaped: [Float] = []

    package init() {}
}

@available(*, unavailable)
extension SamplerScratch: Sendable {}

/// The random number generator xoshiro256++ (Blackman and Vigna, 2018), seeded by SplitMix64 as its authors recommend. It gives the same draws on
/// every machine.
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

    /// Returns a number from 0 to 1, excluding 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    private func rotated(_ bits: UInt64, _ by: UInt64) -> UInt64 { (bits << by) | (bits >> (64 - by)) }
}
