/// Text that a grammar forces.
package struct ForcedText: Hashable, Sendable {
    static let longest = 256

    package var bytes: [UInt8] = []
    /// Whether the whole text ends after `bytes`.
    package var ends = false

    package init(bytes: [UInt8] = [], ends: Bool = false) {
        self.bytes = bytes
        self.ends = ends
    }
}

extension GrammarStates {
    /// The max number of positions to visit for one forced text; a later call finds the text after it.
    private static let maximumVisits = 4096

    /// Returns the text that must come next; empty where there is a choice.
    func forcedText(_ state: State) -> ForcedText {
        if state < 0 { return ForcedText() }
        if let known = forced[state] { return known }
        var text = ForcedText()
        var (current, visited) = (state, 0)
        while current >= 0, text.bytes.count < ForcedText.longest, visited < Self.maximumVisits, !isEnd(current), let byte = onlyByte(current) {
            visited += states[Int(current)].positions.count
            text.bytes.append(byte)
            current = step(current, byte: byte)
        }
        text.ends = current >= 0 && isEnd(current) && states[Int(current)].positions.isEmpty
        forced[state] = text
        return text
    }

    /// Returns the only byte that can come next; nil when several bytes or a control token can.
    private func onlyByte(_ state: State) -> UInt8? {
        var found: UInt8?
        for position in states[Int(state)].positions {
            let node = program.nodes[Self.node(position)]
            if !node.controls.isEmpty { return nil }
            for edge in program.edges[node.edges] {
                if edge.low != edge.high || edge.low != found ?? edge.low { return nil }
                found = edge.low
            }
        }
        return found
    }
}
