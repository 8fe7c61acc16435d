import ShimmyCore

/// Guesses how one sequence goes on: as a text that its client predicted, or as it went on before, where the last tokens were the same.
///
/// Guesses are verified in one step, so a wrong one costs time but never changes a token. Most places where a text could repeat itself
/// are none: so the drafter follows such a place silently first, and guesses only when the text has followed it for a while. Following
/// costs nothing, and how often it fails says whether guessing pays.
struct Drafter {
    /// What is followed, and where it goes on.
    private enum Source { case prediction, history }
    private struct Trail {
        var source: Source
        var place: Int
        /// Tokens that came as the trail said.
        var streak: Int
    }

    /// The client's prediction (`prediction` in OpenAI's API); empty for none.
    private let prediction: NGramIndex
    private let prompt: NGramIndex
    /// Where the prediction was left.
    private var predictionLeft = 0
    /// What follows each n-gram of the answer, where it stood last.
    private var places: [NGram: Int] = [:]
    private var seen: Int
    private var trail: Trail?
    /// A long trail that the text left before its token `at`: an edit of a copied text leaves it for a token or a few.
    private var left: (trail: Trail, at: Int)?
    /// How likely the next token is what a trail says that is worth guessing from. 0 to 1.
    private(set) var acceptance = 0.8

    /// Tokens of a guess at most, and tokens that have to come true before one.
    private static let longest = 32
    private static let certain = 2
    /// Tokens that a trail was followed for, if coming back to it is worth a look; how many of its tokens an edit may drop, and how
    /// many it may put in.
    private static let long = 8
    private static let near = 4
    private static let soon = 8
    /// Tokens of the prediction after the place where the text left it that are searched for the place where it comes back.
    private static let nearby = 512

    /// See `NGramIndex`.
    private struct NGram: Hashable {
        let first: Token
        let second: Token
        let third: Token

        /// The n-gram that ends before `end`.
        init?(_ tokens: [Token], before end: Int) {
            guard end >= 3 else { return nil }
            (first, second, third) = (tokens[end - 3], tokens[end - 2], tokens[end - 1])
        }
    }

    init(prompt: NGramIndex, prediction: NGramIndex) {
        self.prompt = prompt
        self.prediction = prediction
        seen = prompt.tokens.count + 1
        // What a client took the trouble to predict is believed from the start.
        trail = prediction.tokens.isEmpty ? nil : Trail(source: .prediction, place: 0, streak: 4)
    }

    struct Guess: Equatable {
        var tokens: [Token] = []
        /// Whether the client predicted it.
        var isPrediction = false
    }

    /// Whether the text is where the client predicted it.
    var followsPrediction: Bool { trail?.source == .prediction }

    /// - tokens: prompt and answer so far, as `didAppend` saw them last.
    func guess(after tokens: [Token], atMost limit: Int) -> Guess {
        guard limit > 0, let trail, trail.streak >= Self.certain else { return Guess() }
        let source = trail.source == .prediction ? prediction.tokens : tokens
        // The longer the text has followed, the longer it will.
        let end = min(trail.place + min(limit, max(4, 2 * trail.streak), Self.longest), source.count)
        guard trail.place < end else { return Guess() }
        return Guess(tokens: Array(source[trail.place..<end]), isPrediction: trail.source == .prediction)
    }

    /// A token was sampled; `tokens` ends with it.
    mutating func didAppend(_ tokens: [Token]) {
        guard let token = tokens.last else { return }
        let said = trail.flatMap { trail -> Token? in
            let source = trail.source == .prediction ? prediction.tokens : tokens
            return trail.place < source.count ? source[trail.place] : nil
        }
        if let current = trail, let said {
            if current.streak >= Self.certain { acceptance += 0.1 * ((said == token ? 1 : 0) - acceptance) }
            if said == token {
                trail = Trail(source: current.source, place: current.place + 1, streak: current.streak + 1)
                learn(tokens)
                return
            }
            if current.source == .prediction { predictionLeft = current.place }
            if current.streak >= Self.long { left = (current, tokens.count) }
        }
        learn(tokens)
        trail = newTrail(tokens)
    }

    /// A place where the last tokens stood before. The prediction is better than the history; in it the text comes back after the
    /// place that it left rather than before it.
    private func newTrail(_ tokens: [Token]) -> Trail? {
        guard let gram = NGram(tokens, before: tokens.count) else { return nil }
        if let back = wayBack(tokens) { return back }
        if let last = prediction.lastEnd(ofGramEnding: tokens) {
            let place = prediction.firstEnd(ofGramEnding: tokens, from: predictionLeft, within: Self.nearby) ?? last
            return Trail(source: .prediction, place: place, streak: Self.certain)
        }
        return (places[gram] ?? prompt.lastEnd(ofGramEnding: tokens)).map { Trail(source: .history, place: $0, streak: 0) }
    }

    /// Where a long trail goes on after the newest token, if that stands near the place where the text left it.
    private func wayBack(_ tokens: [Token]) -> Trail? {
        guard let (trail, at) = left, tokens.count < at + Self.soon, let token = tokens.last else { return nil }
        let source = trail.source == .prediction ? prediction.tokens : tokens
        let end = min(trail.place + Self.near, source.count - 1)
        guard let place = (trail.place..<max(trail.place, end)).first(where: { source[$0] == token }) else { return nil }
        return Trail(source: trail.source, place: place + 1, streak: Self.certain)
    }

    /// Takes in the n-grams that ended since the last call, but for the newest: it would find itself.
    private mutating func learn(_ tokens: [Token]) {
        for end in seen..<max(seen, tokens.count) {
            if let gram = NGram(tokens, before: end) { places[gram] = end }
        }
        seen = max(seen, tokens.count)
    }
}
