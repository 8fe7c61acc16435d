extension GrammarStates {
    /// Returns the state with all counts that no token can exhaust cut to the horizon. It allows the same tokens.
    func near(_ state: State) -> State {
        if state < 0 { return state }
        if let known = nearStates[state] { return known }
        let source = states[Int(state)]
        var result = state
        if source.positions.contains(where: { isFar[Int(Self.stack($0))] || Self.counter($0) > 0 }) {
            let positions = Set(
                source.positions.map { position in
                    Self.position(Int32(Self.node(position)), nearStack(Self.stack(position)), nearCounter(Self.counter(position)))
                })
            result = intern(Content(positions: positions.sorted(), isEnd: source.isEnd))
        }
        nearStates[state] = result
        return result
    }

    private func nearCounter(_ counter: Int) -> Int {
        if counter == 0 { return 0 }
        let index = region(of: counter)
        return counterBases[index] + program.regions[index].near(counter - counterBases[index], horizon: Int(horizon))
    }

    private func nearStack(_ stack: Int32) -> Int32 {
        rebuilt(stack, until: { !isFar[Int($0)] }) { frame in
            var frame = frame
            frame.least = min(frame.least, horizon)
            if frame.most != GrammarProgram.endless { frame.most = min(frame.most, horizon) }
            return frame
        }
    }

    /// Returns a stack with changed frames, rebuilt from the bottom up.
    ///
    /// - isSame: whether a stack stays as it is.
    private func rebuilt(_ stack: Int32, until isSame: (Int32) -> Bool, _ change: (Frame) -> Frame) -> Int32 {
        var path: [Int32] = []
        var bottom = stack
        while !isSame(bottom) {
            path.append(bottom)
            bottom = frames[Int(bottom)].parent
        }
        for index in path.reversed() {
            var frame = change(frames[Int(index)])
            frame.parent = bottom
            bottom = push(frame)
        }
        return bottom
    }

    /// Returns the same state in other tables.
    func moved(_ state: State, to other: GrammarStates) -> State {
        if state < 0 { return state }
        let source = states[Int(state)]
        var known: [Int32: Int32] = [0: 0]
        let positions = source.positions.map { Self.position(Int32(Self.node($0)), movedStack(Self.stack($0), to: other, &known), Self.counter($0)) }
        return other.intern(Content(positions: positions.sorted(), isEnd: source.isEnd))
    }

    private func movedStack(_ stack: Int32, to other: GrammarStates, _ known: inout [Int32: Int32]) -> Int32 {
        var path: [Int32] = []
        var bottom = stack
        while known[bottom] == nil {
            path.append(bottom)
            bottom = frames[Int(bottom)].parent
        }
        var result = known[bottom] ?? 0
        for index in path.reversed() {
            var frame = frames[Int(index)]
            frame.parent = result
            result = other.push(frame)
            known[index] = result
        }
        return result
    }
}
