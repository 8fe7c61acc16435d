// Turns submitted token sequences into streams of tokens. Knows tokens, never text; sequences, never requests.

package import ShimmyCore

/// What a runner can hold and do; the scheduler plans within it.
package struct RunnerLimits: Sendable, Equatable {
    /// Cells of the KV cache: tokens that all sequences together can keep computed.
    package var cells: Int
    /// The longest sequence, prompt and answer together, in tokens.
    package var contextLength: Int
    /// Slots: token prefixes that can have cells at the same time, of running sequences and idle ones.
    package var slots: Int
    /// Sequences that run at the same time; the others wait. At most one for each slot, each row of a batch and each output: a step serves
    /// every running stream.
    package var running: Int
    /// Tokens that one step may compute.
    package var batchTokens: Int
    /// Rows of one step that can have logits; at least one for each running sequence.
    package var outputs: Int
    /// Whether the tail of a slot can be dropped, and a part of it shared. Recurrent and hybrid models only know all of it.
    package var canRewind: Bool
    /// Tokens that the next one sees in every layer, where the model may forget what lies before them; 0 where it keeps all.
    package var window: Int
    /// Whether what is stored of a prefix holds all that is needed for a part of it.
    package var storesParts: Bool { canRewind && window == 0 }

    /// Whether tokens that are all there from `first` on are all that the token at a position sees.
    package func hasWindow(before position: Int, from first: Int) -> Bool { window == 0 || first <= max(0, position - window) }

    package init(
        cells: Int, contextLength: Int, slots: Int, running: Int? = nil, batchTokens: Int, outputs: Int? = nil, canRewind: Bool, window: Int = 0
    ) {
        self.window = window
        let outputs = outputs ?? batchTokens
        self.outputs = outputs
        let running = running ?? slots
        precondition(cells >= contextLength && contextLength > 1 && running > 0 && running <= slots && batchTokens > 0 && outputs > 0)
        self.running = min(running, batchTokens, outputs)
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

/// The tokens that one step computes, all with the same adapters.
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
        /// Whether it is a running stream's next token, rather than prefill.
        package var continuesStream: Bool
        /// How many tokens at the end are guesses: each has to be what is sampled before it, or it and the rest do not count.
        package var drafts = 0
        /// Whether the guesses are the client's prediction.
        package var isPrediction = false
        /// Prompt tokens whose log probabilities are wanted; nil for none.
        package var scores: Scores?

        package init(sequence: SequenceID, slot: Int, position: Int, tokens: [Token], samples: Bool, continuesStream: Bool = false) {
            self.continuesStream = continuesStream
            self.sequence = sequence
            self.slot = slot
            self.position = position
            self.tokens = tokens
            self.samples = samples
        }
    }

    /// What stands in the prompt after some of a chunk's rows.
    package struct Scores: Sendable, Equatable {
        /// Of the chunk; each row's logits tell how likely the token after it was.
        package var firstRow: Int
        /// What follows `firstRow`, and each row after it.
        package var tokens: [Token]

        package init(firstRow: Int, tokens: [Token]) {
            self.firstRow = firstRow
            self.tokens = tokens
        }
    }

    package var chunks: [Chunk] = []
    package var adapters: AdapterSet

    package init(chunks: [Chunk] = [], adapters: AdapterSet = .none) {
        self.chunks = chunks
        self.adapters = adapters
    }

    package var tokenCount: Int { chunks.reduce(0) { $0 + $1.tokens.count } }
    package var isEmpty: Bool { chunks.isEmpty }
    /// Rows whose logits are wanted.
    package var outputCount: Int { chunks.reduce(0) { $0 + ($1.samples ? 1 + $1.drafts : 0) + ($1.scores?.tokens.count ?? 0) } }
}

/// What one step brought for one chunk of its batch.
package struct ChunkResult: Sendable, Equatable {
    /// For a chunk that samples: the token after its last sure one and, as long as that is the chunk's draft, the token after the draft.
    /// Tokens that a constraint forces follow without being computed.
    package var tokens: [Token]
    /// Whether nothing can follow, though the model has not ended the text: its constraint allows no further token.
    package var isExhausted: Bool
    /// Why the sequence cannot go on; nil when it can. It has no tokens then.
    package var failure: String?

    package init(tokens: [Token] = [], isExhausted: Bool = false, failure: String? = nil) {
        self.tokens = tokens
        self.isExhausted = isExhausted
        self.failure = failure
    }
}

/// Computes batches with a model. It lives on the engine's thread and is never touched from elsewhere.
package protocol ModelRunner {
    var limits: RunnerLimits { get }

    func isEndOfGeneration(_ token: Token) -> Bool

    /// Prepares sampling for a new sequence. Its draws depend on its own seed and logits only.
    mutating func addSequence(_ id: SequenceID, sampling: SequenceSampling)

    mutating func removeSequence(_ id: SequenceID)

    /// Works on what the constraints of sequences need for their next tokens; returns the sequences whose next token cannot be drawn yet.
    /// - seconds: for all of them together, about.
    mutating func prepareDraws(within seconds: Double) -> Set<SequenceID>

    /// Changes which slots hold which cells; nothing is computed. Saving and restoring are the other two's.
    mutating func perform(_ operation: CacheOperation)

    /// The position from which on a slot's tokens are all there, where the model forgets what lies before its window.
    func firstPosition(slot: Int) -> Int

    /// All that was computed for a slot's tokens, as bytes for `restore`; nil when the model cannot tell.
    mutating func state(slot: Int) -> [UInt8]?

    /// Makes an empty slot hold what `state` told; false, with the slot still empty, when that does not work.
    mutating func restore(slot: Int, from state: [UInt8]) -> Bool

    /// Computes the batch; returns a result for each chunk, in order.
    ///
    /// Throws when nothing of the batch could be computed. `rollBack` then restores its slots. An error that concerns one sequence alone is
    /// that chunk's result.
    mutating func run(_ batch: Batch) throws -> [ChunkResult]

    /// Drops what a failed `run` may have left in a slot after its first `count` tokens. Returns false when these are lost as well.
    mutating func rollBack(slot: Int, to count: Int) -> Bool

    /// The log probabilities of a sequence's tokens that the last `run` scored, then of those that it sampled, in order; none unless they
    /// were asked for.
    mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs]

    /// How long the model itself took in the last `run`, in seconds; the rest of a step is sampling and bookkeeping.
    var modelSeconds: Double { get }

    /// How many times as long as usual the next `run` takes, since others need some of its cores. At least 1.
    var slowdown: Double { get }
}

extension ModelRunner {
    package var slowdown: Double { 1 }
    package func firstPosition(slot: Int) -> Int { 0 }
    package mutating func prepareDraws(within seconds: Double) -> Set<SequenceID> { [] }
    package mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs] { [] }
}
