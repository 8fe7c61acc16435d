import ShimmyCore

/// The last tokens of a sequence, and how often each of them occurs among the last `countedWindow`. Appending a token takes the same time however
/// many tokens are kept.
struct RecentTokens {
    private var tokens: [Token]
    private let window: Int
    private let countedWindow: Int
    /// The counts of the counted tokens. A token that does not occur has no entry.
    private(set) var counts: [Token: Int] = [:]

    /// The window that replaces an unlimited one. No text has more tokens.
    private static let longestWindow = 1 << 30

    /// Creates a window over the end of `tokens`.
    /// - countedWindow: at most `window`.
    init(_ tokens: [Token], window: Int, countedWindow: Int) {
        precondition(countedWindow <= window)
        self.tokens = Array(tokens.suffix(window))
        self.window = min(window, Self.longestWindow)
        self.countedWindow = min(countedWindow, Self.longestWindow)
        for token in tokens.suffix(countedWindow) { counts[token, default: 0] += 1 }
    }

    var isEmpty: Bool { tokens.isEmpty }
    /// The last tokens, at most `window`, oldest first.
    var last: ArraySlice<Token> { tokens.suffix(window) }

    mutating func append(_ token: Token) {
        guard window > 0 else { return }
        tokens.append(token)
        if countedWindow > 0 {
            counts[token, default: 0] += 1
            if tokens.count > countedWindow { uncount(tokens[tokens.count - 1 - countedWindow]) }
        }
        // Trim rarely, so that appending a token does not move all others.
        if tokens.count >= 2 * window + 64 { tokens.removeFirst(tokens.count - window) }
    }

    private mutating func uncount(_ token: Token) {
        let count = counts[token, default: 0] - 1
        counts[token] = count > 0 ? count : nil
    }
}
