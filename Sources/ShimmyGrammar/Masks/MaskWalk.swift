import ShimmyCore

/// A walk over the vocabulary that finds the tokens which can follow a state. It can stop at any time and go on later.
///
/// It has tables of its own, so that the grammar's hold only states that texts come to.
///
/// `@unchecked Sendable`: used behind the lock of `CompiledGrammar.Tables` only.
final class MaskWalk: @unchecked Sendable {
    typealias State = GrammarStates.State

    /// The tables that it walks on; new ones when they grow too large on the way.
    private(set) var tables: GrammarStates
    private(set) var words: [UInt64]
    private let trie: TokenTrie
    private var start: State
    /// The states after each byte of the node that it stands at.
    private var path: [State]
    /// The bytes after which the first state is the same, and how many kinds of bytes were tried for that.
    private var staying = TokenTrie.ByteSet.zero
    private var tried = 0
    private var index = 0
    /// How many of the vocabulary's tokens, in the order of the walk, are decided.
    private var decided = 0
    private var misses = 0

    /// New states between two looks at the clock.
    private static let missesPerLook = 8
    /// Bytes of tables from which a walk takes new ones.
    private static let maximumSize = 8 << 20

    /// - start: in `tables`.
    init(from start: State, tables: GrammarStates, trie: TokenTrie) {
        self.start = start
        self.tables = tables
        self.trie = trie
        words = [UInt64](repeating: 0, count: (trie.tokenCount + 63) / 64)
        path = [State](repeating: start, count: trie.longest + 1)
    }

    /// Goes on, by a little at least; returns whether it came to the end.
    /// - deadline: when to stop, about; nil for never.
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
                    index = Int(node.end)
                    decided = Int(nodes[index - 1].tokensEnd)
                    continue
                }
                // Within a text of any characters most tokens lead nowhere else: a whole branch is allowed at once.
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

    /// Each step from the first state can take long.
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

    /// Takes new tables, with the states on the way here alone.
    private func move(depth: Int) {
        let larger = tables.empty()
        start = tables.moved(start, to: larger)
        for place in 0..<depth { path[place] = tables.moved(path[place], to: larger) }
        tables = larger
    }
}
