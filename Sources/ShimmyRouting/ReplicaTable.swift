/// The replicas of a router. A removed replica's slot is used again, with another number.
struct ReplicaTable: Sendable {
    /// The replicas by slot, also removed ones.
    var states: [ReplicaState] = []
    private var unused: [Int] = []
    private var lastNumber = 0

    /// Returns the slot of a replica; nil if it was removed.
    func slot(of id: ReplicaID) -> Int? { states.indices.contains(id.slot) && states[id.slot].id == id ? id.slot : nil }

    mutating func add(_ terms: ReplicaTerms) -> ReplicaID {
        lastNumber += 1
        let slot = unused.popLast() ?? states.count
        let state = ReplicaState(id: ReplicaID(number: lastNumber, slot: slot), terms: terms)
        if slot == states.count { states.append(state) } else { states[slot] = state }
        return state.id
    }

    /// Removes a replica and returns its last state.
    mutating func remove(_ id: ReplicaID) -> ReplicaState? {
        guard let slot = slot(of: id) else { return nil }
        let removed = states[slot]
        states[slot] = ReplicaState(id: ReplicaID(number: 0, slot: slot), terms: ReplicaTerms(name: ""))
        unused.append(slot)
        return removed
    }
}
