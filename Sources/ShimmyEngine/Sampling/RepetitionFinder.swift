package import ShimmyCore

/// The sequence breakers, as tokens: texts across which nothing counts as a repetition.
package struct SequenceBreakers: Sendable, Equatable {
    /// For each token with which a breaker ends or begins, the runs of tokens that complete the breaker. A run is empty where the breaker is
    /// complete with that token.
    private let tails: [Token: [[Token]]]

    package init(_ tails: [Token: [[Token]]] = [:]) { self.tails = tails }

    /// Returns whether the token alone is a breaker, or contains one.
    func isBreaker(_ token: Token) -> Bool { tails[token]?.contains([]) ?? false }

    /// Returns the tokens after the last breaker.
    func rest(of tokens: ArraySlice<Token>) -> ArraySlice<Token> {
        for index in tokens.indices.reversed() {
            guard let tails = tails[tokens[index]] else { continue }
            let after = tokens[(index + 1)...]
            if let longest = tails.filter({ after.starts(with: $0) }).map(\.count).max() { return after.dropFirst(longest) }
        }
        return tokens
    }
}

/// A search for the repetitions that a next token would continue, for `RepetitionPenalty`.
struct RepetitionFinder {
    private let settings: RepetitionPenalty
    private let breakers: SequenceBreakers
    /// The number of last tokens that are searched.
    let window: Int

    init(_ settings: RepetitionPenalty, breakers: SequenceBreakers) {
        self.settings = settings
        window = min(settings.window ?? .max, InputLimits.standard.repetitionTokens)
        self.breakers = breakers
    }

    /// Returns the penalties to subtract from the logits of tokens that would continue a repetition. Takes time in proportion to the number of
    /// searched tokens.
    func penalties(after tokens: ArraySlice<Token>) -> [Token: Float] {
        let seen = tokens.suffix(window)
        let longest = breakers.rest(of: seen).count
        guard longest >= settings.allowedLength else { return [:] }
        // In the reversed text, an earlier occurrence of the text's end is an index at which the beginning occurs again.
        let reversed = Array(seen.reversed())
        let matches = Self.prefixMatches(reversed)
        var lengths: [Token: Int] = [:]
        for index in reversed.indices.dropFirst() {
            let length = min(matches[index], longest)
            let next = reversed[index - 1]
            guard length >= settings.allowedLength, !breakers.isBreaker(next) else { continue }
            lengths[next] = max(length, lengths[next] ?? 0)
        }
        return lengths.mapValues { length in
            // Bounded, so that the longest repetition still has a finite penalty.
            min(settings.multiplier * power(settings.base, length - settings.allowedLength), 1e30)
        }
    }

    /// Returns, for each index, how many elements from there on equal those at the beginning (the Z function).
    private static func prefixMatches(_ tokens: [Token]) -> [Int] {
        var matches = [Int](repeating: 0, count: tokens.count)
        var (left, right) = (0, 0)
        for index in tokens.indices.dropFirst() {
            var length = index < right ? min(right - index, matches[index - left]) : 0
            while index + length < tokens.count, tokens[length] == tokens[index + length] { length += 1 }
            matches[index] = length
            if index + length > right { (left, right) = (index, index + length) }
        }
        return matches
    }

    private func power(_ base: Float, _ exponent: Int) -> Float {
        var (result, factor, rest) = (Float(1), base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return result
    }
}
