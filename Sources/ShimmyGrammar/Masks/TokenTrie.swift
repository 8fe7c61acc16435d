package import ShimmyCore

/// The tokens of a vocabulary as a trie of bytes, stored flat in the order of a walk. Built once for each model.
package final class TokenTrie: Sendable {
    struct Node {
        let byte: UInt8
        /// The number of bytes from the root; 1 for the root's children.
        let depth: Int32
        /// The index after the last node of this node's branch.
        var end: Int32
        /// The end of this node's tokens in `tokens`; they begin at the end of the previous node's tokens.
        var tokensEnd: Int32
        /// The index in `byteSets` of the set of all bytes in this node's branch; -1 for small branches.
        var byteSet: Int32 = -1
    }

    /// A set of bytes, one bit each.
    typealias ByteSet = SIMD4<UInt64>

    let nodes: [Node]
    let byteSets: [ByteSet]
    let tokens: [Token]
    let tokenCount: Int
    /// The length of the longest token in bytes.
    package let longest: Int
    /// The EOG tokens; the default one comes first.
    let ends: [Token]
    /// Control tokens by their texts. They are not text: a grammar must name a control token to allow it.
    let controls: [String: Token]
    private let pieces: [[UInt8]]

    /// - pieces: the bytes of each token; empty for a token that is not text.
    package init(pieces: [[UInt8]], ends: [Token], controls: [String: Token]) {
        let ending = Set(ends)
        self.ends = ends
        self.pieces = pieces
        self.controls = controls.filter { !ending.contains($0.value) }
        tokenCount = pieces.count
        let order = pieces.indices.filter { !pieces[$0].isEmpty && !ending.contains(Token($0)) }
            .sorted { pieces[$0].lexicographicallyPrecedes(pieces[$1]) }
        var nodes: [Node] = []
        var tokens: [Token] = []
        var path: [Int] = []
        var last: [UInt8] = []
        for index in order {
            let piece = pieces[index]
            let common = last.countInCommon(with: piece)
            while path.count > common { nodes[path.removeLast()].end = Int32(nodes.count) }
            for byte in piece[common...] {
                path.append(nodes.count)
                nodes.append(Node(byte: byte, depth: Int32(path.count), end: 0, tokensEnd: Int32(tokens.count)))
            }
            tokens.append(Token(index))
            // Tokens with equal pieces follow each other, so this node is the last one.
            nodes[nodes.count - 1].tokensEnd = Int32(tokens.count)
            last = piece
        }
        while let node = path.popLast() { nodes[node].end = Int32(nodes.count) }
        byteSets = Self.collectBytes(&nodes)
        self.nodes = nodes
        self.tokens = tokens
        longest = pieces.lazy.map(\.count).max() ?? 0
    }

    /// The min number of nodes of a branch that gets a byte set.
    private static let largeBranch = 16

    private static func collectBytes(_ nodes: inout [Node]) -> [ByteSet] {
        var sets = [ByteSet](repeating: .zero, count: nodes.count)
        var kept: [ByteSet] = []
        for index in nodes.indices.reversed() {
            sets[index][Int(nodes[index].byte) / 64] |= 1 << (UInt64(nodes[index].byte) % 64)
            var child = index + 1
            while child < Int(nodes[index].end) {
                sets[index] |= sets[child]
                child = Int(nodes[child].end)
            }
            if Int(nodes[index].end) - index >= largeBranch {
                nodes[index].byteSet = Int32(kept.count)
                kept.append(sets[index])
            }
        }
        return kept
    }

    /// The EOG token to append when nothing else may follow; nil when the vocabulary has none.
    package var end: Token? { ends.first }

    func bytes(of token: Token) -> [UInt8] { pieces.indices.contains(Int(token)) ? pieces[Int(token)] : [] }

    /// Returns the longest token that is a prefix of `bytes` and that the mask allows, with its length in bytes; nil when there is none.
    package func longestToken(of bytes: some Collection<UInt8>, allowedBy mask: TokenMask) -> (token: Token, length: Int)? {
        var (index, end) = (0, nodes.count)
        var found: (token: Token, length: Int)?
        for byte in bytes {
            while index < end, nodes[index].byte != byte { index = Int(nodes[index].end) }
            if index >= end { return found }
            let begin = index == 0 ? 0 : Int(nodes[index - 1].tokensEnd)
            if let token = tokens[begin..<Int(nodes[index].tokensEnd)].first(where: mask.contains) { found = (token, Int(nodes[index].depth)) }
            end = Int(nodes[index].end)
            index += 1
        }
        return found
    }

    /// Whether a token begins with `bytes` and is longer.
    package func hasLonger(than bytes: some Collection<UInt8>) -> Bool {
        var (index, end) = (0, nodes.count)
        var found = -1
        for byte in bytes {
            while index < end, nodes[index].byte != byte { index = Int(nodes[index].end) }
            if index >= end { return false }
            found = index
            end = Int(nodes[index].end)
            index += 1
        }
        return found >= 0 && Int(nodes[found].end) > found + 1
    }
}
