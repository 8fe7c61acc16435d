/// A set of tokens, with one bit for each token of the vocabulary. Immutable and shared.
package final class TokenMask: Sendable {
    /// Token t is bit t % 64 of word t / 64.
    package let words: [UInt64]

    package init(words: [UInt64]) { self.words = words }

    package convenience init(_ tokens: some Sequence<Token>, count: Int) {
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for token in tokens { words[Int(token) / 64] |= 1 << (UInt64(token) % 64) }
        self.init(words: words)
    }

    package func contains(_ token: Token) -> Bool {
        let index = Int(token)
        return index >= 0 && index / 64 < words.count && words[index / 64] >> (UInt64(index) % 64) & 1 == 1
    }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
