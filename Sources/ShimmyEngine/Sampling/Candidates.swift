import CSampling
import Foundation

/// The tokens that can still be drawn, as filters leave them.
///
/// The code is optimized for the engine's thread. It finds the tokens to keep by counting in classes of nearly equal weights, in time proportional
/// to the number of candidates. It sorts only the class at the border, and sorts all candidates only for filters that need an order.
struct Candidates {
    typealias Candidate = CSamplingCandidate

    private(set) var items: [Candidate] = []
    private var isSorted = false
    /// Scratch space: the total weight and the number of members of each class.
    private var masses = [Double](repeating: 0, count: WeightClass.count)
    private var counts = [Int](repeating: 0, count: WeightClass.count)

    var total: Double { items.reduce(0) { $0 + Double($1.weight) } }

    /// Collects the tokens whose weight is at least `minWeight` and below `bound`. Weights are at most 1. Returns false, and collects nothing, when
    /// more than `room` tokens qualify.
    /// - room: the max number of tokens.
    @discardableResult
    mutating func collect(_ weights: [Float], atLeast minWeight: Float, below bound: Float = .infinity, atMost room: Int = .max) -> Bool {
        let room = min(room, weights.count)
        var found = 0
        isSorted = false
        items = Array(unsafeUninitializedCapacity: room + 16) { buffer, count in
            found = csampling_collect(weights, weights.count, minWeight, bound, buffer.baseAddress, room)
            count = found <= room ? found : 0
        }
        return found <= room
    }

    // MARK: Filters

    mutating func keepTop(_ count: Int) {
        if items.count > count { keepLikeliest { _, kept in kept >= count } }
    }

    /// Keeps the likeliest tokens that together weigh at least `wanted`; at least one token.
    mutating func keepHead(weighing wanted: Double) { keepLikeliest { mass, _ in mass >= wanted } }

    /// Keeps the tokens whose information is nearest the entropy, until they have the part `share` of the total weight. This is locally typical
    /// sampling (Meister et al., 2022).
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

    /// Drops all but the least likely of the tokens that each have at least the part `threshold` of the total weight. This is "exclude top choices"
    /// (XTC; p-e-w, 2024).
    mutating func dropTop(above threshold: Double) {
        sort()
        let bound = threshold * total
        let top = items.prefix { Double($0.weight) >= bound }.count
        if top > 1 { items.removeFirst(top - 1) }
    }

    /// Returns each candidate's part of the total weight, likeliest first.
    mutating func sortedShares() -> [Double] {
        sort()
        let total = total
        return items.map { Double($0.weight) / total }
    }

    mutating func sort() {
        if !isSorted { items.sort(by: Candidate.precedes) }
        isSorted = true
    }

    /// Keeps the likeliest tokens, until `isEnough` accepts their weight and number.
    private mutating func keepLikeliest(until isEnough: (Double, Int) -> Bool) {
        if isSorted || items.count <= 32 { return keepFirst(until: isEnough) }
        for index in masses.indices { (masses[index], counts[index]) = (0, 0) }
        for item in items {
            let index = WeightClass.of(item.weight)
            masses[index] += Double(item.weight)
            counts[index] += 1
        }
        var (mass, count, border) = (0.0, 0, 0)
        while border < WeightClass.count - 1, !isEnough(mass + masses[border], count + counts[border]) {
            mass += masses[border]
            count += counts[border]
            border += 1
        }
        var edge: [Candidate] = []
        items.removeAll { item in
            let index = WeightClass.of(item.weight)
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

    /// Returns the token whose part of the total weight contains `point`; see `index(at:)`.
    func token(at point: Double) -> Int? { index(at: point).map { Int(items[$0].token) } }

    /// Returns the index of the candidate whose part of the total weight contains `point`; nil without candidates.
    /// - point: 0 to 1, excluding 1.
    func index(at point: Double) -> Int? {
        var remaining = point * total
        for (index, item) in items.enumerated() {
            remaining -= Double(item.weight)
            if remaining < 0 { return index }
        }
        return items.isEmpty ? nil : items.count - 1
    }
}

extension CSamplingCandidate {
    /// Returns whether `one` comes before `other`: the likelier one first, and equal ones in the order of the vocabulary, so that the same logits
    /// always give the same head.
    static func precedes(_ one: Self, _ other: Self) -> Bool {
        one.weight != other.weight ? one.weight > other.weight : one.token < other.token
    }
}
