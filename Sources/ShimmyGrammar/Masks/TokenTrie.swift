package import ShimmyCore

/// A vocabulary's tokens as a tree of bytes, flat, in the order in which it is walked. Made once for a model.
package final class TokenTrie: Sendable {
    struct Node {
        let byte: UInt8
        /// Bytes from the root, 1 for its children.
        let depth: Int32
        /// The index after all that begins with this node's bytes.
        var end: Int32
        /// Where its tokens end in `tokens`; they begin where those of the node before end.
        var tokensEnd: Int32
        /// Where the bytes of all that begins with this node's are in `byteSets`; -1 for small branches.
        var byteSet: Int32 = -1
    }

    /// A set of bytes, one bit each.
    typealias ByteSet = SIMD4<UInt64>

    let nodes: [Node]
    let byteSets: [ByteSet]
    let tokens: [Token]
    let tokenCount: Int
    /// Of the longest token, in bytes.
    package let longest: Int
    /// Tokens that end a text; the first is the usual one.
    let ends: [Token]
    /// Control tokens by their texts. They are no text: a grammar that wants them names them.
    let controls: [String: Token]
    private let pieces: [[UInt8]]

    /// - pieces: the bytes of each token; empty for those that are no text.
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
            // Equal pieces come one after the other, so that this node is the last one.
            nodes[nodes.count - 1].tokensEnd = Int32(tokens.count)
            last = piece
        }
        while let node = path.popLast() { nodes[node].end = Int32(nodes.count) }
        byteSets = Self.collectBytes(&nodes)
        self.nodes = nodes
        self.tokens = tokens
        longest = pieces.lazy.map(\.count).max() ?? 0
    }

    /// Nodes of a branch that is worth knowing as a whole.
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

    /// The token to end a text with, where nothing else is left to say.
    package var end: Token? { ends.first }

    func bytes(of token: Token) -> [UInt8] { pieces.indices.contains(Int(token)) ? pieces[Int(token)] : [] }

    /// The longest allowed token that some bytes begin with.
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

    /// Whether some token begins with these bytes and goes on.
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
