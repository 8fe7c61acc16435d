import CSampling
import Foundation

/// The tokens that may still be drawn, as filters leave them.
///
/// Written for the decode thread: what is kept is found by counting in classes of nearly equal weights, in time proportional to the
/// candidates; only the class at the border is sorted, and everything only for the filters that need an order.
struct Candidates {
    typealias Candidate = CSamplingCandidate

    private(set) var items: [Candidate] = []
    private var isSorted = false
    /// Scratch: what each class weighs and how many it has.
    private var masses = [Double](repeating: 0, count: WeightClass.count)
    private var counts = [Int](repeating: 0, count: WeightClass.count)

    var total: Double { items.reduce(0) { $0 + Double($1.weight) } }

    /// Takes the tokens of at least this weight, and below a bound. Weights are at most 1.
    /// - room: how many there may be at most; beyond that nothing is taken, and the answer is false.
    @discardableResult
    mutating func collect(_ weights: [Float], atLeast least: Float, below bound: Float = .infinity, atMost room: Int = .max) -> Bool {
        let room = min(room, weights.count)
        var found = 0
        isSorted = false
        items = Array(unsafeUninitializedCapacity: room + 16) { buffer, count in
            found = csampling_collect(weights, weights.count, least, bound, buffer.baseAddress, room)
            count = found <= room ? found : 0
        }
        return found <= room
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

    /// The token in whose part of the candidates a point falls; see `index(at:)`.
    func token(at point: Double) -> Int? { index(at: point).map { Int(items[$0].token) } }

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

extension CSamplingCandidate {
    /// Likelier first; equal ones in the order of the vocabulary, so that the same logits always give the same head.
    static func precedes(_ one: Self, _ other: Self) -> Bool {
        one.weight != other.weight ? one.weight > other.weight : one.token < other.token
    }
}
