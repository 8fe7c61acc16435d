/// Who asks for the work. Owners share the engine in proportion to their weights, however many sequences each of them brings.
package struct Owner: Hashable, Sendable {
    package let name: String
    /// 1 for everybody but those who were promised more.
    package let weight: Double

    package init(_ name: String, weight: Double = 1) {
        precondition(weight > 0)
        self.name = name
        self.weight = weight
    }

    /// Work that belongs to nobody in particular.
    package static let common = Owner("")
}

/// Counts the service that each owner had; whoever had least comes next.
///
/// The counters are virtual (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): an owner that comes back is lifted to
/// the least of those present, so that nobody can save up service by being idle, nor lose any to those who were here before.
struct FairShare {
    private var served: [Owner: Double] = [:]
    private var present: [Owner: Int] = [:]
    /// What the last one to leave had: where the next one starts when nobody is present.
    private var level = 0.0

    /// Tokens of a stream cost more than those of a prompt: they come one by one.
    static let decodeWeight = 2.0

    mutating func enter(_ owner: Owner) {
        if present[owner] == nil {
            let least = present.keys.compactMap { served[$0] }.min() ?? level
            served[owner] = max(served[owner] ?? least, least)
        }
        present[owner, default: 0] += 1
    }

    mutating func leave(_ owner: Owner) {
        guard let count = present[owner] else { return }
        present[owner] = count > 1 ? count - 1 : nil
        guard count == 1 else { return }
        level = max(level, served[owner] ?? 0)
        // With nobody present all start equal again; so the table never grows with the owners of a day.
        if present.isEmpty { served = [:] }
    }

    mutating func charge(_ owner: Owner, _ tokens: Double) { served[owner, default: level] += tokens / owner.weight }

    func service(of owner: Owner) -> Double { served[owner] ?? level }
}
