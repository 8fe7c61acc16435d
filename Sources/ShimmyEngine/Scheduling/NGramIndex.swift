package import ShimmyCore

/// Finds where three tokens stood last in a text.
///
/// Made once for all choices of a request, before the engine sees it, in time proportional to the text: a hash table of places with linear
/// probing. The hash's factors are random, so that no text can be made for which it is slow.
package struct NGramIndex: Sendable {
    package let tokens: [Token]
    /// Ends of n-grams, by their hashes; 0 for an empty place. Twice as many as n-grams at least.
    private var table: [Int32] = []
    private let factors: (UInt64, UInt64, UInt64)
    private let shift: UInt64
    /// Of the last n-gram that is looked for.
    private let bound: Int

    /// Three tokens: two meet by chance, four miss the beginning of what is repeated.
    private static let length = 3
    private static let randomFactors = (randomOdd(), randomOdd(), randomOdd())

    private static func randomOdd() -> UInt64 { .random(in: .min ... .max) | 1 }

    /// - isComplete: nothing follows the tokens, so that their last n-gram is of no use.
    package init(_ tokens: [Token], isComplete: Bool = false) {
        self.tokens = tokens
        factors = Self.randomFactors
        bound = isComplete ? tokens.count - 1 : tokens.count
        guard bound >= Self.length else {
            shift = 0
            return
        }
        let bits = Int.bitWidth - (2 * tokens.count).leadingZeroBitCount
        shift = UInt64(64 - bits)
        table = [Int32](repeating: 0, count: 1 << bits)
        for end in Self.length...bound { table[place(ofGramIn: tokens, before: end)] = Int32(end) }
    }

    /// Where the last three of some tokens stood last: the index after them; nil for nowhere.
    func lastEnd(ofGramEnding text: [Token]) -> Int? {
        guard text.count >= Self.length, !table.isEmpty else { return nil }
        let end = table[place(ofGramIn: text, before: text.count)]
        return end > 0 ? Int(end) : nil
    }

    /// The first index, of so many from `start` on, after the last three of some tokens.
    func firstEnd(ofGramEnding text: [Token], from start: Int, within count: Int) -> Int? {
        guard text.count >= Self.length else { return nil }
        let first = max(start, Self.length)
        guard first <= bound else { return nil }
        return (first...min(bound, first + count)).first { isGram(in: text, before: text.count, theOneBefore: $0) }
    }

    /// The place of the table that has this n-gram, or the empty one where it belongs.
    private func place(ofGramIn text: [Token], before end: Int) -> Int {
        var hash = UInt64(UInt32(bitPattern: text[end - 3])) &* factors.0
        hash = (hash ^ (hash >> 32)) &* factors.1 &+ UInt64(UInt32(bitPattern: text[end - 2])) &* factors.2
        hash = (hash ^ (hash >> 29)) &* factors.0 &+ UInt64(UInt32(bitPattern: text[end - 1])) &* factors.1
        hash = (hash ^ (hash >> 32)) &* factors.2
        var place = Int(truncatingIfNeeded: hash >> shift)
        while table[place] != 0, !isGram(in: text, before: end, theOneBefore: Int(table[place])) { place = (place + 1) & (table.count - 1) }
        return place
    }

    private func isGram(in text: [Token], before end: Int, theOneBefore own: Int) -> Bool {
        text[end - 1] == tokens[own - 1] && text[end - 2] == tokens[own - 2] && text[end - 3] == tokens[own - 3]
    }
}
