package import ShimmyCore

/// All that one step samples for one sequence. Independent of all others.
package struct SequenceDraw {
    package let sequence: SequenceID
    package private(set) var sampler: SequenceSampler
    /// Logits after the last sure token, then after each guess.
    private let rows: [UnsafeBufferPointer<Float>]
    private let guesses: ArraySlice<Token>
    /// What a constraint may take for the draw after a guess.
    private static let patience = Duration.milliseconds(1)
    /// What was drawn.
    package private(set) var tokens: [Token] = []
    /// Whether the constraint allowed no token after these.
    package private(set) var isExhausted = false
    /// Why the sequence cannot go on; nil when it can, or ended as it may.
    package var obstacle: EngineError? { sampler.obstacle }

    package init(sequence: SequenceID, sampler: SequenceSampler, rows: [UnsafeBufferPointer<Float>], guesses: ArraySlice<Token>) {
        precondition(rows.count == guesses.count + 1)
        self.sequence = sequence
        self.sampler = sampler
        self.rows = rows
        self.guesses = guesses
    }

    /// Draws the token after the last sure one; then, as long as they are what was guessed, those after the guess.
    /// A guess whose constraint is not worked out in little time is left for the next step.
    /// - ends: tokens that end a generation.
    package mutating func run(with scratch: SamplerScratch, ends: Set<Token>) {
        repeat {
            let next = sampler.next(rows[tokens.count], with: scratch)
            isExhausted = next.isEmpty
            if isExhausted { return }
            tokens += next
        } while guesses.starts(with: tokens) && !tokens.contains(where: ends.contains) && sampler.prepare(until: .now + Self.patience)
    }
}
