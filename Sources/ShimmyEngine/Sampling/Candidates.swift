import Foundation
import ShimmyCore

/// The tokens that may still be drawn, as filters leave them.
///
/// Written for the decode thread: what is kept is found by counting in classes of nearly equal weights, in time proportional to the
/// candidates; only the class at the border is sorted, and everything only for the filters that need an order.
struct Candidates {
    struct Candidate {
        let token: Int32
        let weight: Float

        /// Likelier first; equal ones in the order of the vocabulary, so that the same logits always give the same head.
        static func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
            one.weight != other.weight ? one.weight > other.weight : one.token < other.token
        }
    }

    private(set) var items: [Candidate] = []
    private var isSorted = false
    /// Scratch: what each class weighs and how many it has.
    private var masses = [Double](repeating: 0, count: classes)
    private var counts = [Int](repeating: 0, count: classes)

    /// 16 for each power of two, from 1 down; the last one has all the rest.
    private static let classes = 1024

    private static func `class`(of weight: Float) -> Int {
        min(classes - 1, max(0, Int(Float(1).bitPattern >> 19) - Int(weight.bitPattern >> 19)))
    }

    var total: Double { items.reduce(0) { $0 + Double($1.weight) } }

    /// Takes the tokens of at least this weight. Weights are at most 1.
    mutating func collect(_ weights: [Float], atLeast least: Float) {
        items.removeAll(keepingCapacity: true)
        isSorted = false
        weights.withUnsafeBufferPointer { weights in
            let base = UnsafeRawPointer(weights.baseAddress!)
            let blocks = weights.count / 16
            let bound = SIMD16<Float>(repeating: least)
            for block in 0..<blocks {
                let found = base.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self) .>= bound
                // Most of a vocabulary is passed by sixteen at once.
                if !any(found) { continue }
                for index in block * 16..<block * 16 + 16 where weights[index] >= least {
                    items.append(Candidate(token: Int32(index), weight: weights[index]))
                }
            }
            for index in blocks * 16..<weights.count where weights[index] >= least {
                items.append(Candidate(token: Int32(index), weight: weights[index]))
            }
        }
    }

    /// A weight that at least `count` tokens have, and not many more: of blocks of sixteen tokens each, so many have one that is as heavy.
    static func bound(ofTop count: Int, in weights: [Float]) -> Float {
        var counts = [Int](repeating: 0, count: classes)
        let blocks = weights.count / 16
        guard count <= blocks else { return 0 }
        weights.withUnsafeBytes { bytes in
            for block in 0..<blocks {
                counts[Self.class(of: bytes.loadUnaligned(fromByteOffset: block * 64, as: SIMD16<Float>.self).max())] += 1
            }
        }
        var seen = 0
        for (index, number) in counts.enumerated() {
            seen += number
            if seen >= count { return index == classes - 1 ? 0 : Float(bitPattern: (Float(1).bitPattern >> 19 - UInt32(index)) << 19) }
        }
        return 0
    }

    // MARK: Filters

    mutating func keepTop(_ count: Int) {
        if items.count > count { keepLikeliest { _, kept in kept >= count } }
    }

    /// Keeps the likeliest that together weigh at least `wanted`; at least one.
    mutating func keepHead(weighing wanted: Double) { keepLikeliest { mass, _ in mass >= wanted } }

    /// Locally typical sampling (Meister et al., 2022): those whose information is nearest the entropy.
    mutating func keepTypical(_ share: Double) {
        sort()
        let total = total
        let information = items.map { -log(Double($0.weight) / total) }
        let entropy = zip(items, information).reduce(0) { $0 + Double($1.0.weight) / total * $1.1 }
        let order = items.indices.sorted { (abs(information[$0] - entropy), $0) < (abs(information[$1] - entropy), $1) }
        var mass = 0.0
        let count = order.firstIndex { index in
            mass += Double(items[index].weight)
            return mass >= share * total
        }
        items = order.prefix((count ?? order.count - 1) + 1).sorted().map { items[$0] }
    }

    /// "Exclude top choices" (p-e-w, 2024): of the tokens with at least this part of the whole only the least likely stays.
    mutating func dropTop(above threshold: Double) {
        sort()
        let bound = threshold * total
        let top = items.prefix { Double($0.weight) >= bound }.count
        if top > 1 { items.removeFirst(top - 1) }
    }

    /// The likeliest first, as parts of the whole.
    mutating func sortedShares() -> [Double] {
        sort()
        let total = total
        return items.map { Double($0.weight) / total }
    }

    mutating func sort() {
        if !isSorted { items.sort(by: Candidate.precedes) }
        isSorted = true
    }

    /// Keeps the likeliest until there are enough, told by their weight and number.
    private mutating func keepLikeliest(until isEnough: (Double, Int) -> Bool) {
        if isSorted || items.count <= 32 { return keepFirst(until: isEnough) }
        for index in masses.indices { (masses[index], counts[index]) = (0, 0) }
        for item in items {
            let index = Self.class(of: item.weight)
            masses[index] += Double(item.weight)
            counts[index] += 1
        }
        var (mass, count, border) = (0.0, 0, 0)
        while border < Self.classes - 1, !isEnough(mass + masses[border], count + counts[border]) {
            mass += masses[border]
            count += counts[border]
            border += 1
        }
        var edge: [Candidate] = []
        items.removeAll { item in
            let index = Self.class(of: item.weight)
            if index == border { edge.append(item) }
            return index >= border
        }
        for item in edge.sorted(by: Candidate.precedes) {
            items.append(item)
            mass += Double(item.weight)
            count += 1
            if isEnough(mass, count) { break }
        }
    }

    private mutating func keepFirst(until isEnough: (Double, Int) -> Bool) {
        sort()
        var mass = 0.0
        for (index, item) in items.enumerated() {
            mass += Double(item.weight)
            if isEnough(mass, index + 1) {
                items.removeLast(items.count - index - 1)
                return
            }
        }
    }

    // MARK: Drawing

    /// The index of the candidate in whose part a point falls.
    /// - point: 0 to 1, without 1.
    func index(at point: Double) -> Int? {
        var left = point * total
        for (index, item) in items.enumerated() {
            left -= Double(item.weight)
            if left < 0 { return index }
        }
        return items.isEmpty ? nil : items.count - 1
    }
}
