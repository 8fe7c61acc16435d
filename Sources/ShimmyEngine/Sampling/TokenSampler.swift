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
    /// Scratch, kept between draws.
    private var weights: [Float] = []

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

    /// - logits: one for each token of the vocabulary, at least one; not-a-number never wins.
    package mutating func sample(_ logits: UnsafeBufferPointer<Float>) -> Token {
        let best = Self.greatest(logits)
        if temperature <= 0 { return Token(best) }
        let total = fillWeights(logits, greatest: logits[best])
        guard total > 0, total.isFinite else { return Token(best) }
        if topK > 0 || minP > 0 || typicalP < 1 || xtcProbability > 0 || mirostat != nil { return Token(drawFiltered() ?? best) }
        if topP >= 1 { return Token(draw(below: total) ?? best) }
        return Token(drawFromHead(total: total) ?? best)
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
    private mutating func fillWeights(_ logits: UnsafeBufferPointer<Float>, greatest: Float) -> Double {
        if weights.count != logits.count { weights = [Float](repeating: 0, count: logits.count) }
        let scale = 1 / temperature
        let base = UnsafeRawPointer(logits.baseAddress!)
        let blocks = logits.count / 16
        var total = 0.0
        weights.withUnsafeMutableBytes { buffer in
            for block in 0..<blocks {
                let values = base.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self)
                let powers = Exponential.of((values - greatest) * scale)
                buffer.storeBytes(of: powers, toByteOffset: block * 64, as: SIMD16<Float>.self)
                total += Double(powers.sum())
            }
        }
        for index in blocks * 16..<logits.count {
            weights[index] = Exponential.of(SIMD16(repeating: (logits[index] - greatest) * scale))[0]
            total += Double(weights[index])
        }
        return total
    }

    /// The token in whose part of 0..<total a random point falls.
    private mutating func draw(below total: Double) -> Int? {
        let point = random.unit() * total
        var sum = 0.0
        // Sums of 64 first: most of the vocabulary is passed by without looking at each token.
        return weights.withUnsafeBufferPointer { weights in
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

    // MARK: top_p

    /// Draws from the smallest set of the likeliest tokens whose share reaches `topP`.
    private mutating func drawFromHead(total: Double) -> Int? {
        let wanted = Double(topP) * total
        let candidates = candidates(reaching: wanted)
        var kept = 0.0
        var count = 0
        for candidate in candidates {
            kept += Double(candidate.weight)
            count += 1
            if kept >= wanted { break }
        }
        var point = random.unit() * kept
        for candidate in candidates.prefix(count) {
            point -= Double(candidate.weight)
            if point < 0 { return candidate.token }
        }
        return candidates.first?.token
    }

    // MARK: Filters beyond OpenAI's

    /// Below this part of the likeliest token's probability no filter has anything to say.
    private static let negligible: Float = 0x1p-24

    /// Draws from what `min_p`, `top_k`, `typical_p`, `top_p`, XTC and mirostat leave, each of what the one before it left.
    private mutating func drawFiltered() -> Int? {
        let least = max(minP, Self.negligible)
        var kept: [Candidate] = []
        for (token, weight) in weights.enumerated() where weight >= least { kept.append(Candidate(token: token, weight: weight)) }
        kept.sort { ($1.weight, $0.token) < ($0.weight, $1.token) }
        if topK > 0, kept.count > topK { kept.removeLast(kept.count - topK) }
        if typicalP < 1 { kept = typical(kept) }
        if topP < 1 { kept = Self.head(kept, reaching: Double(topP)) }
        if xtcProbability > 0, random.unit() < Double(xtcProbability) { kept = withoutTop(kept) }
        if let mirostat { kept.removeLast(kept.count - mirostat.kept(of: Self.shares(kept), vocabulary: weights.count)) }
        let drawn = draw(from: kept)
        if mirostat != nil, let drawn { mirostat?.didDraw(probability: Self.shares(kept)[drawn]) }
        return drawn.map { kept[$0].token }
    }

    /// The index of one of some candidates.
    private mutating func draw(from candidates: [Candidate]) -> Int? {
        var point = random.unit() * candidates.reduce(0) { $0 + Double($1.weight) }
        for (index, candidate) in candidates.enumerated() {
            point -= Double(candidate.weight)
            if point < 0 { return index }
        }
        return candidates.isEmpty ? nil : 0
    }

    private static func shares(_ candidates: [Candidate]) -> [Double] {
        let total = candidates.reduce(0) { $0 + Double($1.weight) }
        return candidates.map { Double($0.weight) / total }
    }

    /// "Exclude top choices" (p-e-w, 2024): of the tokens above the threshold only the least likely stays.
    private func withoutTop(_ candidates: [Candidate]) -> [Candidate] {
        let top = Self.shares(candidates).prefix { $0 >= Double(xtcThreshold) }.count
        return top > 1 ? Array(candidates.dropFirst(top - 1)) : candidates
    }

    /// The first of the candidates whose share reaches `share` of all of theirs; at least one.
    private static func head(_ candidates: [Candidate], reaching share: Double) -> [Candidate] {
        let wanted = share * candidates.reduce(0) { $0 + Double($1.weight) }
        var sum = 0.0
        let count = candidates.firstIndex {
            sum += Double($0.weight)
            return sum >= wanted
        }
        return Array(candidates.prefix((count ?? candidates.count - 1) + 1))
    }

    /// Locally typical sampling (Meister et al., 2022): those whose information is nearest the entropy.
    private func typical(_ candidates: [Candidate]) -> [Candidate] {
        let total = candidates.reduce(0) { $0 + Double($1.weight) }
        let information = candidates.map { -log(Double($0.weight) / total) }
        let entropy = zip(candidates, information).reduce(0) { $0 + Double($1.0.weight) / total * $1.1 }
        let order = candidates.indices.sorted { abs(information[$0] - entropy) < abs(information[$1] - entropy) }
        return Self.head(order.map { candidates[$0] }, reaching: Double(typicalP))
            .sorted { ($1.weight, $0.token) < ($0.weight, $1.token) }
    }

    private struct Candidate {
        let token: Int
        let weight: Float
    }

    /// The likeliest tokens, sorted, as many as are surely enough. Weights are at most 1; they are put into classes by their power of
    /// two, and only the classes that are needed are looked at and sorted.
    private func candidates(reaching wanted: Double) -> [Candidate] {
        var mass = [Double](repeating: 0, count: 128)
        for weight in weights where weight > 0 { mass[Self.class(of: weight)] += Double(weight) }
        var sum = 0.0
        var last = 0
        for (index, part) in mass.enumerated() {
            sum += part
            last = index
            if sum >= wanted { break }
        }
        var found: [Candidate] = []
        for (token, weight) in weights.enumerated() where weight > 0 && Self.class(of: weight) <= last {
            found.append(Candidate(token: token, weight: weight))
        }
        // Equal weights in the order of the vocabulary, so that the same logits always give the same head.
        return found.sorted { ($1.weight, $0.token) < ($0.weight, $1.token) }
    }

    /// 0 for 1, 1 for (0.5, 1], and so on.
    private static func `class`(of weight: Float) -> Int { min(127, max(0, 127 - Int(weight.bitPattern >> 23))) }
}

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
        // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, so that r keeps its bits.
        let n = (bounded * 1.442_695_04).rounded(.toNearestOrEven)
        let r = (bounded - n * 0.693_359_375) + n * 2.121_944_4e-4
        // The Taylor polynomial of e^r to the sixth power.
        var p = SIMD16<Float>(repeating: 1.388_888_9e-3)
        p = p * r + 8.333_333_3e-3
        p = p * r + 4.166_666_7e-2
        p = p * r + 1.666_666_7e-1
        p = p * r + 0.5
        p = p * r + 1
        p = p * r + 1
        let bits = SIMD16<Int32>(truncatingIfNeeded: SIMD16<Int32>(n)) &+ 127
        let power = SIMD16<Float>(bitPattern: SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 23)
        return (p * power).replacing(with: 0, where: .!(x .>= low))
    }
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
