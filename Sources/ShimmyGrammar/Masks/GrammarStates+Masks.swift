import ShimmyCore

extension GrammarStates {
    /// The max size of the stored masks, in bytes.
    private static let maximumMasks = 8 << 20
    /// The max size of the tables kept for walks, in bytes.
    private static let maximumScratch = 4 << 20
    /// The max number of unfinished walks. Dropping one loses little work, because the states that it found stay in the shared tables.
    private static let maximumWalks = 4

    /// Returns the mask of a state: the tokens that may come next, and the EOG tokens where the text may end.
    ///
    /// - deadline: the approximate time to stop; a later call continues. Nil for no deadline.
    /// Returns nil when the mask was not finished.
    func mask(_ state: State, _ trie: TokenTrie, until deadline: ContinuousClock.Instant?) -> TokenMask? {
        let state = near(state)
        if let known = masks[state] { return known }
        guard state >= 0 else { return TokenMask(words: [UInt64](repeating: 0, count: (trie.tokenCount + 63) / 64)) }
        let walk = takeWalk(from: state, trie)
        guard walk.run(until: deadline) else {
            walks.append((state, walk))
            if walks.count > Self.maximumWalks { walks.removeFirst() }
            return nil
        }
        scratch = walk.tables.size > Self.maximumScratch ? nil : walk.tables
        var words = walk.words
        func allow(_ token: Token) { words[Int(token) / 64] |= 1 << (UInt64(token) % 64) }
        var meetsLimit = walk.meetsLimit
        for (index, text) in program.controls.enumerated() {
            let next = step(state, control: index)
            if next == Self.exceeded { meetsLimit = true }
            if next >= 0, let token = trie.controls[text] { allow(token) }
        }
        // If only the limit on readings prevents a continuation, an end would make an incomplete answer look complete.
        let isCutOff = meetsLimit && words.allSatisfy { $0 == 0 }
        if isEnd(state), !isCutOff { trie.ends.forEach(allow) }
        let mask = TokenMask(words: words)
        keep(mask, of: state)
        return mask
    }

    private func takeWalk(from state: State, _ trie: TokenTrie) -> MaskWalk {
        if let index = walks.firstIndex(where: { $0.state == state }) { return walks.remove(at: index).walk }
        let tables = scratch ?? empty()
        scratch = tables
        return MaskWalk(from: moved(state, to: tables), tables: tables, trie: trie)
    }

    /// Returns empty tables of the same grammar.
    func empty() -> GrammarStates { GrammarStates(program: program, horizon: Int(horizon) - 1) }

    private func keep(_ mask: TokenMask, of state: State) {
        if masks.updateValue(mask, forKey: state) == nil { maskBytes += mask.words.count * 8 + 64 }
        // Computing masks again is cheaper than the memory to keep all of them.
        if maskBytes > Self.maximumMasks { (masks, maskBytes) = ([:], 0) }
    }

    /// Copies the masks to new tables, because masks take longer to compute than steps.
    func moveMasks(to other: GrammarStates) {
        for (state, mask) in masks { other.keep(mask, of: moved(state, to: other)) }
    }

    func hasMask(_ state: State) -> Bool { masks[near(state)] != nil }
}
