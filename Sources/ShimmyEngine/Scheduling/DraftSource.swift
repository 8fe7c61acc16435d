import ShimmyCore

/// A proposal for the next tokens of a stream.
struct Draft: Equatable {
    var tokens: [Token] = []
    /// Whether the tokens come from the client's prediction.
    var isPrediction = false
}

/// A source of drafts for the sequences of an engine, from their submission to their end. The scheduler decides when a draft is worth its rows.
protocol DraftSource: Sendable {
    mutating func begin(_ id: SequenceID, _ request: SequenceRequest)

    mutating func end(_ id: SequenceID)

    /// Takes in a sampled token, the last unit of `known`.
    mutating func didAppend(to id: SequenceID, _ known: Prompt)

    /// Returns a draft of the next tokens, at most `limit`; empty for none.
    /// - known: prompt and answer so far, as last passed to `didAppend`.
    func draft(for id: SequenceID, after known: Prompt, atMost limit: Int) -> Draft

    /// Returns the estimated probability that a drafted token is accepted.
    func acceptance(of id: SequenceID) -> Double

    /// Returns whether drafts currently come from the client's prediction.
    func followsPrediction(_ id: SequenceID) -> Bool
}

/// Drafts from the text itself: the client's prediction, and repetitions in prompt and answer. They cost no computation.
struct TextDrafts: DraftSource {
    private var drafters: [SequenceID: Drafter] = [:]

    mutating func begin(_ id: SequenceID, _ request: SequenceRequest) {
        drafters[id] = Drafter(prompt: request.promptIndex, prediction: request.predictionIndex)
    }

    mutating func end(_ id: SequenceID) { drafters[id] = nil }

    mutating func didAppend(to id: SequenceID, _ known: Prompt) { drafters[id]?.didAppend(known.units) }

    func draft(for id: SequenceID, after known: Prompt, atMost limit: Int) -> Draft {
        drafters[id]?.draft(after: known.units, atMost: limit) ?? Draft()
    }

    func acceptance(of id: SequenceID) -> Double { drafters[id]?.acceptance ?? 0 }

    func followsPrediction(_ id: SequenceID) -> Bool { drafters[id]?.followsPrediction ?? false }
}
