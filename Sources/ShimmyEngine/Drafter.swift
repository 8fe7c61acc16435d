import ShimmyCore

/// Guesses how one sequence goes on: as a text that its client predicted, or as it went on before, where the last tokens were the same.
///
/// Guesses are verified in one step, so a wrong one costs time but never changes a token. How long a guess is follows from how
/// well the last ones did, and a sequence whose guesses fail is left alone for longer and longer.
struct Drafter {
    /// The client's prediction (`prediction` in OpenAI's API); empty for none.
    private let prediction: [Token]
    private let predictionPlaces: [NGram: [Int]]
    /// Where the prediction goes on, while the text follows it.
    private var predictionPlace: Int?
    /// What follows each n-gram of the sequence, where it stood last.
    private var places: [NGram: Int] = [:]
    private var seen = 0
    /// Tokens of the next guess.
    private var length = 4
    /// Share of guessed tokens that came true lately.
    private(set) var acceptance = 0.8
    /// Tokens to wait before the next guess, and how long the wait is after the next failure.
    private var pause = 0
    private var nextPause = 8

    static let longest = 32

    /// Three tokens: two meet by chance, four miss the beginning of what is repeated.
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

    init(prediction: [Token]) {
        self.prediction = prediction
        predictionPlace = prediction.isEmpty ? nil : 0
        var places: [NGram: [Int]] = [:]
        for end in 0..<max(0, prediction.count) {
            if let gram = NGram(prediction, before: end) { places[gram, default: []].append(end) }
        }
        predictionPlaces = places
    }

    struct Guess: Equatable {
        var tokens: [Token] = []
        /// Whether the client predicted it.
        var isPrediction = false
    }

    /// - tokens: prompt and answer so far.
    mutating func guess(after tokens: [Token], atMost limit: Int) -> Guess {
        learn(tokens)
        guard pause == 0, limit > 0 else { return Guess() }
        let count = min(length, limit)
        if let place = predictionPlace, place < prediction.count {
            return Guess(tokens: Array(prediction[place..<min(place + count, prediction.count)]), isPrediction: true)
        }
        guard let gram = NGram(tokens, before: tokens.count), let place = places[gram] else { return Guess() }
        return Guess(tokens: Array(tokens[place..<min(place + count, tokens.count)]))
    }

    /// Takes in the n-grams that ended since the last call, but for the newest: it would find itself.
    private mutating func learn(_ tokens: [Token]) {
        for end in seen..<max(seen, tokens.count) {
            if let gram = NGram(tokens, before: end) { places[gram] = end }
        }
        seen = max(seen, tokens.count)
    }

    /// What became of a guess. Nothing is learned from one that was never made.
    mutating func didVerify(guessed: Int, accepted: Int) {
        guard guessed > 0 else { return }
        acceptance += 0.3 * (Double(accepted) / Double(guessed) - acceptance)
        if accepted == guessed {
            length = min(Self.longest, length * 2)
            nextPause = 8
        } else if accepted * 2 < guessed {
            length = max(2, length / 2)
        }
        if accepted == 0 {
            pause = nextPause
            nextPause = min(256, nextPause * 2)
            // After the wait the next guess is judged for itself, not for those long ago.
            acceptance = max(acceptance, 0.5)
        }
    }

    /// A token was sampled; `tokens` ends with it.
    mutating func didAppend(_ tokens: [Token]) {
        if pause > 0 { pause -= 1 }
        guard !prediction.isEmpty, let token = tokens.last else { return }
        if let place = predictionPlace, place < prediction.count, prediction[place] == token {
            predictionPlace = place + 1
            return
        }
        // The text left the prediction: find the place where it comes back, after the one that was left rather than before it.
        let left = predictionPlace ?? 0
        predictionPlace = nil
        guard let gram = NGram(tokens, before: tokens.count), let candidates = predictionPlaces[gram] else { return }
        predictionPlace = candidates.first { $0 >= left } ?? candidates.last
    }
}
