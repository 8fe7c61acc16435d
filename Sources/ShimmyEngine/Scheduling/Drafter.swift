/// The drafts of one sequence: the client's prediction, or the text after an earlier occurrence of the last tokens.
///
/// Drafts are verified in one step, so a rejected draft costs time but never changes a token. Most earlier occurrences do not start a repetition.
/// The drafter therefore follows one silently first, and drafts only after the text has followed it for a while. Following costs nothing, and its
/// failure rate shows whether drafting pays off.
struct Drafter {
    /// The text that a trail follows.
    private enum Source { case prediction, history }
    private struct Trail {
        var source: Source
        /// The index of the expected token in that text.
        var index: Int
        /// The number of consecutive tokens that matched the trail.
        var streak: Int
    }

    /// The client's prediction (`prediction` in OpenAI's API); empty for none.
    private let prediction: NGramIndex
    private let prompt: NGramIndex
    /// The index where the text left the prediction.
    private var predictionLeft = 0
    /// The index after the last occurrence of each n-gram of the answer.
    private var answerEnds: [NGram: Int] = [:]
    /// The end of the next n-gram of the answer to index.
    private var nextEnd: Int
    private var trail: Trail?
    /// A long trail that the text left before its token `at`; nil for none. An edit of a copied text leaves the trail for a few tokens.
    private var leftTrail: (trail: Trail, at: Int)?
    /// The estimated probability that the next token matches a trail that is long enough to draft from. 0 to 1.
    private(set) var acceptance = 0.8

    /// The max number of tokens of a draft, and the number of tokens that must match the trail before the first draft.
    private static let maxDraft = 32
    private static let minStreak = 2
    /// The min number of matched tokens that make a trail worth returning to, the max number of its tokens that an edit may drop, and the max
    /// number of tokens that an edit may insert.
    private static let longStreak = 8
    private static let maxDropped = 4
    private static let maxInserted = 8
    /// The number of tokens of the prediction that are searched for the text's return, after the index where the text left it.
    private static let searchedTokens = 512

    /// Three consecutive units; see `NGramIndex`.
    private struct NGram: Hashable {
        let first: PromptUnit
        let second: PromptUnit
        let third: PromptUnit

        /// Creates the n-gram that ends before `end`; nil when fewer than three units precede it.
        init?(_ units: [PromptUnit], before end: Int) {
            guard end >= 3 else { return nil }
            (first, second, third) = (units[end - 3], units[end - 2], units[end - 1])
        }
    }

    init(prompt: NGramIndex, prediction: NGramIndex) {
        self.prompt = prompt
        self.prediction = prediction
        nextEnd = prompt.units.count + 1
        // A client's prediction is trusted from the start.
        trail = prediction.units.isEmpty ? nil : Trail(source: .prediction, index: 0, streak: 4)
    }

    /// Whether the text currently follows the client's prediction.
    var followsPrediction: Bool { trail?.source == .prediction }

    /// Returns a draft of the next tokens, at most `limit`; empty for none.
    /// - units: prompt and answer so far, as last passed to `didAppend`.
    func draft(after units: [PromptUnit], atMost limit: Int) -> Draft {
        guard limit > 0, let trail, trail.streak >= Self.minStreak else { return Draft() }
        let source = source(of: trail, units)
        // The longer the text has followed the trail, the longer it will probably continue to.
        let end = min(trail.index + min(limit, max(4, 2 * trail.streak), Self.maxDraft), source.count)
        guard trail.index < end else { return Draft() }
        // Media in the prompt end a draft.
        let tokens = source[trail.index..<end].prefix { $0.token != nil }.compactMap(\.token)
        return Draft(tokens: tokens, isPrediction: trail.source == .prediction)
    }

    /// Returns the text that a trail follows.
    private func source(of trail: Trail, _ units: [PromptUnit]) -> [PromptUnit] {
        switch trail.source {
        case .prediction: prediction.units
        case .history: units
        }
    }

    /// Takes in a sampled token, the last one of `units`.
    mutating func didAppend(_ units: [PromptUnit]) {
        guard let token = units.last else { return }
        let expected = trail.flatMap { trail -> PromptUnit? in
            let source = source(of: trail, units)
            return trail.index < source.count ? source[trail.index] : nil
        }
        if let current = trail, let expected {
            if current.streak >= Self.minStreak { acceptance += 0.1 * ((expected == token ? 1 : 0) - acceptance) }
            if expected == token {
                trail = Trail(source: current.source, index: current.index + 1, streak: current.streak + 1)
                indexAnswer(units)
                return
            }
            if current.source == .prediction { predictionLeft = current.index }
            if current.streak >= Self.longStreak { leftTrail = (current, units.count) }
        }
        indexAnswer(units)
        trail = newTrail(units)
    }

    /// Returns a trail from an earlier occurrence of the last tokens; nil for none. The prediction has priority over the history. The text usually
    /// returns to the prediction after the index where it left, not before it.
    private func newTrail(_ units: [PromptUnit]) -> Trail? {
        guard let gram = NGram(units, before: units.count) else { return nil }
        if let continuation = continuationOfLeftTrail(units) { return continuation }
        if let last = prediction.lastEnd(ofGramEnding: units) {
            let index = prediction.firstEnd(ofGramEnding: units, from: predictionLeft, within: Self.searchedTokens) ?? last
            return Trail(source: .prediction, index: index, streak: Self.minStreak)
        }
        return (answerEnds[gram] ?? prompt.lastEnd(ofGramEnding: units)).map { Trail(source: .history, index: $0, streak: 0) }
    }

    /// Returns the continuation of the long trail that the text left, if the newest token occurs near the index where it left; nil otherwise.
    private func continuationOfLeftTrail(_ units: [PromptUnit]) -> Trail? {
        guard let (trail, at) = leftTrail, units.count < at + Self.maxInserted, let token = units.last else { return nil }
        let source = source(of: trail, units)
        let end = min(trail.index + Self.maxDropped, source.count - 1)
        guard let index = (trail.index..<max(trail.index, end)).first(where: { source[$0] == token }) else { return nil }
        return Trail(source: trail.source, index: index + 1, streak: Self.minStreak)
    }

    /// Indexes the n-grams that ended since the last call, except the newest, which would match itself.
    private mutating func indexAnswer(_ units: [PromptUnit]) {
        for end in nextEnd..<max(nextEnd, units.count) {
            if let gram = NGram(units, before: end) { answerEnds[gram] = end }
        }
        nextEnd = max(nextEnd, units.count)
    }
}
