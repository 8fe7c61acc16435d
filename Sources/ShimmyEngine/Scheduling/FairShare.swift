/// The owner of a request, such as an API key or a client's address. Owners share the engine in proportion to their weights, however many sequences
/// each of them submits.
package struct Owner: Hashable, Sendable {
    package let name: String
    /// The owner's weight: 1, or more for owners that were promised more.
    package let weight: Double

    package init(_ name: String, weight: Double = 1) {
        precondition(weight > 0)
        self.name = name
        self.weight = weight
    }

    /// The owner of work that belongs to no particular owner.
    package static let common = Owner("")
}

/// Counters of the service that each owner received. The owner with the least service comes next.
///
/// The counters are virtual (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024). A returning owner is lifted to the least
/// service of the present owners. It cannot save up service while idle, and it loses none to the owners that were present before.
struct FairShare {
    private var served: [Owner: Double] = [:]
    private var present: [Owner: Int] = [:]
    /// The service of the last owner that left. The next owner starts there when no other is present.
    private var level = 0.0

    /// The cost of a stream's token relative to a prompt's token: streams compute theirs one by one.
    static let decodeWeight = 2.0

    mutating func enter(_ owner: Owner) {
        if present[owner] == nil {
            let lowest = present.keys.compactMap { served[$0] }.min() ?? level
            served[owner] = max(served[owner] ?? lowest, lowest)
        }
        present[owner, default: 0] += 1
    }

    mutating func leave(_ owner: Owner) {
        guard let count = present[owner] else { return }
        present[owner] = count > 1 ? count - 1 : nil
        guard count == 1 else { return }
        level = max(level, served[owner] ?? 0)
        // When no owner is present, all start equal again, so that the table does not grow with every owner ever seen.
        if present.isEmpty { served = [:] }
    }

    mutating func charge(_ owner: Owner, _ tokens: Double) { served[owner, default: level] += tokens / owner.weight }

    func service(of owner: Owner) -> Double { served[owner] ?? level }
}
