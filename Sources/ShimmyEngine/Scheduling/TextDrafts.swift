import ShimmyCore

/// Drafts from the text itself: the client's prediction, and repetitions in prompt and answer. They cost no computation.
///
/// The scheduler decides when a draft is worth its rows. It calls these functions for each sequence from its submission to its end, and nothing else,
/// so another source of drafts, such as a draft model, needs the same functions. The type is concrete because the calls are made for each token.
struct TextDrafts {
    private var drafters: [SequenceID: Drafter] = [:]

    mutating func begin(_ id: SequenceID, _ request: SequenceRequest) {
        drafters[id] = Drafter(prompt: request.promptIndex, prediction: request.predictionIndex)
    }

    mutating func end(_ id: SequenceID) { drafters[id] = nil }

    /// Takes in a sampled token, the last unit of `known`.
    mutating func didAppend(to id: SequenceID, _ known: Prompt) { drafters[id]?.didAppend(known.units) }

    /// Returns a draft of the next tokens, at most `limit`; empty for none.
    /// - known: prompt and answer so far, as last passed to `didAppend`.
    func draft(for id: SequenceID, after known: Prompt, atMost limit: Int) -> Draft {
        drafters[id]?.draft(after: known.units, atMost: limit) ?? Draft()
    }

    /// Returns the estimated probability that a drafted token is accepted.
    func acceptance(of id: SequenceID) -> Double { drafters[id]?.acceptance ?? 0 }

    /// Returns whether drafts currently come from the client's prediction.
    func followsPrediction(_ id: SequenceID) -> Bool { drafters[id]?.followsPrediction ?? false }
}
