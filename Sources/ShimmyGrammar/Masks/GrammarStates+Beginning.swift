extension GrammarStates {
    /// The max number of states with a choice that a check visits.
    private static let maximumChoices = 8
    /// The max number of states that a check visits, with those where the next byte is forced.
    private static let maximumChecked = 1024
    /// The max number of positions that a check visits.
    private static let maximumCheckedVisits = 1 << 17

    /// Returns whether the next characters have more readings than a state can hold. Follows forced text, and then a few choices.
    func meetsLimit(from begin: State) -> Bool {
        if begin < 0 { return begin == Self.exceeded }
        var (open, seen, index, choices) = ([begin], Set([begin]), 0, 0)
        let end = visits + Self.maximumCheckedVisits
        while index < min(open.count, Self.maximumChecked), choices < Self.maximumChoices, visits < end {
            let state = open[index]
            index += 1
            var next: [State] = []
            for symbol in symbols(of: state) {
                let reached = step(state, symbol: symbol)
                if reached == Self.exceeded { return true }
                if reached >= 0 { next.append(reached) }
            }
            if isEnd(state) || next.count > 1 { choices += 1 }
            for reached in next where seen.insert(reached).inserted { open.append(reached) }
        }
        return false
    }

    /// Returns the symbols that an edge reads from a state.
    private func symbols(of state: State) -> [Int] {
        var isRead = [Bool](repeating: false, count: symbolCount)
        for position in states[Int(state)].positions {
            let node = program.nodes[Self.node(position)]
            for edge in program.edges[node.edges] {
                // The numbers of the classes ascend with the bytes.
                for symbol in program.classes[Int(edge.low)]...program.classes[Int(edge.high)] { isRead[Int(symbol)] = true }
            }
            for edge in program.controlEdges[node.controls] { isRead[program.representatives.count + Int(edge.control)] = true }
        }
        return isRead.indices.filter { isRead[$0] }
    }
}
