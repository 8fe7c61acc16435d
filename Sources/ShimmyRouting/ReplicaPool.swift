/// A set of replicas that serve the same models, in the order of their load.
struct ReplicaPool: Sendable {
    /// The order of usable replicas: by priority, load, cached prefixes and turn.
    struct Rank: Comparable, Sendable {
        var priority: Int
        /// The load divided by the weight.
        var load: Double
        var prefixChunks: Int
        var turn: Int

        static func < (a: Rank, b: Rank) -> Bool {
            if a.priority != b.priority { return a.priority > b.priority }
            if a.load != b.load { return a.load < b.load }
            if a.prefixChunks != b.prefixChunks { return a.prefixChunks < b.prefixChunks }
            return a.turn < b.turn
        }
    }

    /// The sum over the usable and the full replicas of a priority.
    private struct Total: Sendable {
        var load = 0.0
        var weight = 0.0
        var replicas = 0
    }

    /// A member's part in the total of its priority.
    private struct Share: Sendable {
        var priority: Int
        var load: Double
        var weight: Double
    }

    let number: Int
    let members: [ReplicaID]
    private var order: TournamentTree<Rank>
    private var shares: [Share?]
    private var totals: [Int: Total] = [:]

    init(number: Int, _ members: [ReplicaID]) {
        self.number = number
        self.members = members
        order = TournamentTree(count: members.count)
        shares = Array(repeating: nil, count: members.count)
    }

    /// Returns the usable members with the least load, those of the highest priority first.
    func least(_ limit: Int) -> [ReplicaID] { order.smallest(limit).map { members[$0] } }

    /// The highest priority of a usable member; nil if none is usable.
    var priority: Int? { order.first.flatMap { order[$0]?.priority } }

    /// The least load of a usable member of the highest priority; nil if none is usable.
    var leastLoad: Double? { order.first.flatMap { order[$0]?.load } }

    /// Returns the rank of a member; nil if it is not usable.
    func rank(ofMember index: Int) -> Rank? { order[index] }

    /// Returns the mean load by weight of the members of a priority that can serve requests or have as many as they may have.
    func meanLoad(priority: Int) -> Double {
        guard let total = totals[priority], total.weight > 0 else { return 0 }
        return max(0, total.load / total.weight)
    }

    /// Updates a member.
    ///
    /// - counts: whether the member takes part in the mean load.
    mutating func update(_ index: Int, rank: Rank, weight: Double, isUsable: Bool, counts: Bool) {
        order[index] = isUsable ? rank : nil
        setShare(index, counts ? Share(priority: rank.priority, load: rank.load * weight, weight: weight) : nil)
    }

    mutating func remove(_ index: Int) {
        order[index] = nil
        setShare(index, nil)
    }

    private mutating func setShare(_ index: Int, _ share: Share?) {
        if let old = shares[index] {
            totals[old.priority]!.load -= old.load
            totals[old.priority]!.weight -= old.weight
            totals[old.priority]!.replicas -= 1
            // An empty sum starts again, so that errors of rounding do not remain.
            if totals[old.priority]!.replicas == 0 { totals[old.priority] = nil }
        }
        shares[index] = share
        guard let share else { return }
        totals[share.priority, default: Total()].load += share.load
        totals[share.priority, default: Total()].weight += share.weight
        totals[share.priority, default: Total()].replicas += 1
    }
}
