package import ShimmyCore

/// The draws of one step for one sequence. They are independent of all other sequences.
package struct SequenceDraw {
    package let sequence: SequenceID
    package private(set) var sampler: SequenceSampler
    /// The logits after the last known token, then after each drafted one.
    private let rows: [UnsafeBufferPointer<Float>]
    private let draft: ArraySlice<Token>
    /// The max time for preparing a constraint for the draw after a drafted token.
    private static let patience = Duration.milliseconds(1)
    /// The drawn tokens.
    package private(set) var tokens: [Token] = []
    /// Whether the constraint allows no token after the drawn ones.
    package private(set) var isExhausted = false
    /// The reason why the sequence cannot continue; nil when it can, or when it ended properly.
    package var obstacle: EngineError? { sampler.obstacle }

    package init(sequence: SequenceID, sampler: SequenceSampler, rows: [UnsafeBufferPointer<Float>], draft: ArraySlice<Token>) {
        precondition(rows.count == draft.count + 1)
        self.sequence = sequence
        self.sampler = sampler
        self.rows = rows
        self.draft = draft
    }

    /// Draws the token after the last known one. As long as the drawn tokens match the draft, it also draws the tokens after the drafted ones. If
    /// the constraint cannot be prepared in time for the draw after a drafted token, that draw is left for the next step.
    /// - ends: the EOG tokens.
    package mutating func run(with scratch: SamplerScratch, ends: Set<Token>) {
        repeat {
            let next = sampler.next(rows[tokens.count], with: scratch)
            isExhausted = next.isEmpty
            if isExhausted { return }
            tokens += next
        } while draft.starts(with: tokens) && !tokens.contains(where: ends.contains) && sampler.prepare(until: .now + Self.patience)
    }
}
