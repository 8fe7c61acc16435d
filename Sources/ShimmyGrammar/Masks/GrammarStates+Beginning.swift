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
            let place = open[index]
            index += 1
            var next: [State] = []
            for symbol in symbols(of: place) {
                let state = step(place, symbol: symbol)
                if state == Self.exceeded { return true }
                if state >= 0 { next.append(state) }
            }
            if isEnd(place) || next.count > 1 { choices += 1 }
            for state in next where seen.insert(state).inserted { open.append(state) }
        }
        return false
    }
}
