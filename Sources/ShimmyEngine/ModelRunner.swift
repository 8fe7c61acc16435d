// Turns submitted token sequences into streams of tokens. Knows tokens, never text; sequences, never requests.

package import ShimmyCore

/// What a runner can hold and do; the scheduler plans within it.
package struct RunnerLimits: Sendable, Equatable {
    /// Cells of the KV cache: tokens that all sequences together can keep computed.
    package var cells: Int
    /// The longest sequence, prompt and answer together, in tokens.
    package var contextLength: Int
    /// Slots: sequences that can have cells at the same time.
    package var slots: Int
    /// Tokens that one step may compute.
    package var batchTokens: Int
    /// Whether the tail of a slot can be dropped, and a part of it shared. Recurrent and hybrid models only know all of it.
    package var canRewind: Bool

    package init(cells: Int, contextLength: Int, slots: Int, batchTokens: Int, canRewind: Bool) {
        precondition(cells >= contextLength && contextLength > 1 && slots > 0 && batchTokens > 0)
        self.cells = cells
        self.contextLength = contextLength
        self.slots = slots
        self.batchTokens = batchTokens
        self.canRewind = canRewind
    }
}

/// Names a sequence within one engine, for its whole life.
package struct SequenceID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "sequence \(rawValue)" }
}

/// The tokens that one step computes.
package struct Batch: Sendable, Equatable {
    /// A run of consecutive tokens of one sequence.
    package struct Chunk: Sendable, Equatable {
        package var sequence: SequenceID
        package var slot: Int
        /// The position of the first token in its sequence.
        package var position: Int
        package var tokens: [Token]
        /// Whether the chunk ends the known tokens, so that the next one is sampled from its last logits.
        package var samples: Bool

        package init(sequence: SequenceID, slot: Int, position: Int, tokens: [Token], samples: Bool) {
            self.sequence = sequence
            self.slot = slot
            self.position = position
            self.tokens = tokens
            self.samples = samples
        }
    }

    package var chunks: [Chunk] = []

    package init(chunks: [Chunk] = []) { self.chunks = chunks }

    package var tokenCount: Int { chunks.reduce(0) { $0 + $1.tokens.count } }
    package var isEmpty: Bool { chunks.isEmpty }
}

/// Computes batches with a model. It lives on the engine's thread and is never touched from elsewhere.
package protocol ModelRunner {
    var limits: RunnerLimits { get }

    func isEndOfGeneration(_ token: Token) -> Bool

    /// Prepares sampling for a new sequence. Its draws depend on its own seed and logits only.
    mutating func addSequence(_ id: SequenceID, sampling: SamplingParameters)

    mutating func removeSequence(_ id: SequenceID)

    /// Changes which slots hold which cells; nothing is computed.
    mutating func perform(_ operation: CacheOperation)

    /// Computes the batch; returns one sampled token for each chunk that samples, in order.
    /// After an error the cells of the batch's slots are undefined.
    mutating func run(_ batch: Batch) throws -> [Token]
}
