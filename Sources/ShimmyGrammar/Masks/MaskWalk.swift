import ShimmyCore

/// A resumable walk over the vocabulary that finds the tokens which can follow a state.
///
/// It uses its own tables, so that the grammar's tables contain only states that texts reach.
///
/// `@unchecked Sendable`: used only behind the lock of `CompiledGrammar.Tables`.
final class MaskWalk: @unchecked Sendable {
    typealias State = GrammarStates.State

    /// The tables of the walk; replaced by new ones when they grow too large.
    private(set) var tables: GrammarStates
    private(set) var words: [UInt64]
    /// Whether the limit on readings excluded a token.
    private(set) var meetsLimit = false
    private let trie: TokenTrie
    private var start: State
    /// The state after each byte on the path to the current node, by depth.
    private var path: [State]
    /// The bytes that lead from `start` back to `start`, as far as known, and the number of byte classes tried so far.
    private var staying = TokenTrie.ByteSet.zero
    private var tried = 0
    private var index = 0
    /// The number of decided tokens, in the order of the walk.
    private var decided = 0
    private var misses = 0

    /// The number of new states between two checks of the clock.
    private static let missesPerLook = 8
    /// The size in bytes above which a walk replaces its tables.
    private static let maximumSize = 8 << 20

    /// - start: a state in `tables`.
    init(from start: State, tables: GrammarStates, trie: TokenTrie) {
        self.start = start
        self.tables = tables
        self.trie = trie
        words = [UInt64](repeating: 0, count: (trie.tokenCount + 63) / 64)
        path = [State](repeating: start, count: trie.longest + 1)
    }

    /// Continues the walk by at least a little; returns whether the walk is complete.
    /// - deadline: the approximate time to stop; nil for no deadline.
    func run(until deadline: ContinuousClock.Instant?) -> Bool {
        guard findStayingBytes(until: deadline) else { return false }
        return trie.nodes.withUnsafeBufferPointer { nodes in
            while index < nodes.count {
                let node = nodes[index]
                let depth = Int(node.depth)
                let symbol = Int(tables.program.classes[Int(node.byte)])
                var next = tables.knownStep(path[depth - 1], symbol)
                if next == GrammarStates.unknown {
                    misses += 1
                    if misses.isMultiple(of: Self.missesPerLook), let deadline, ContinuousClock.now >= deadline { return false }
                    if misses.isMultiple(of: 512), tables.size > Self.maximumSize { move(depth: depth) }
                    next = tables.step(path[depth - 1], symbol: symbol)
                }
                if next < 0 {
                    if next == GrammarStates.exceeded { meetsLimit = true }
                    index = Int(node.end)
                    decided = Int(nodes[index - 1].tokensEnd)
                    continue
                }
                // In unconstrained text, most tokens lead back to the same state; allow a whole branch at once.
                if next == start, node.byteSet >= 0, trie.byteSets[Int(node.byteSet)] & ~staying == .zero {
                    index = Int(node.end)
                    allow(upTo: Int(nodes[index - 1].tokensEnd))
                    continue
                }
                path[depth] = next
                allow(upTo: Int(node.tokensEnd))
                index += 1
            }
            return true
        }
    }

    /// Finds `staying`; returns false when the deadline has passed. Checks the clock after each step, because a step from `start` can take long.
    private func findStayingBytes(until deadline: ContinuousClock.Instant?) -> Bool {
        let classes = tables.program.classes
        while tried < tables.program.representatives.count {
            if tables.step(start, symbol: tried) == start {
                for byte in 0..<256 where Int(classes[byte]) == tried { staying[byte / 64] |= 1 << (UInt64(byte) % 64) }
            }
            tried += 1
            if let deadline, ContinuousClock.now >= deadline { return false }
        }
        return true
    }

    private func allow(upTo end: Int) {
        while decided < end {
            let allowed = Int(trie.tokens[decided])
            words[allowed / 64] |= 1 << (UInt64(allowed) % 64)
            decided += 1
        }
    }

    /// Replaces the tables by new ones that contain only the states on the current path.
    private func move(depth: Int) {
        let larger = tables.empty()
        start = tables.moved(start, to: larger)
        for level in 0..<depth { path[level] = tables.moved(path[level], to: larger) }
        tables = larger
    }
}
