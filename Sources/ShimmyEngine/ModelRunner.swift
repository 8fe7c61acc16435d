// This module turns token sequences into streams of tokens. It handles tokens, never text, and sequences, never requests.

package import ShimmyCore

/// The capacity and the abilities of a runner. The scheduler plans within them.
package struct RunnerLimits: Sendable, Equatable {
    /// The number of cells in the KV cache: tokens that all sequences together can keep computed.
    package var cells: Int
    /// The max length of a sequence, prompt and answer together, in tokens.
    package var contextLength: Int
    /// The number of slots: token prefixes, of running sequences and idle ones, that can have cells at the same time.
    package var slots: Int
    /// The max number of sequences that run at the same time; the others wait. At most one for each slot, each row of a batch and each output,
    /// since a step serves every running stream.
    package var running: Int
    /// The max number of tokens that one step computes.
    package var batchTokens: Int
    /// The max number of rows of one step that have logits; at least one for each running sequence.
    package var outputs: Int
    /// Whether the tail of a slot can be dropped, and a part of the slot shared. Recurrent and hybrid models can use a slot only as a whole.
    package var canRewind: Bool
    /// The number of last tokens that the next token attends to in every layer, in models that may discard older tokens; 0 in models that keep all
    /// tokens.
    package var window: Int
    /// Whether the stored state of a prefix suffices to restore a part of the prefix.
    package var storesParts: Bool { canRewind && window == 0 }

    /// Returns whether every token in the attention window of `position` is still cached, given that the cache contains all tokens from `first` on.
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

/// The identifier of a sequence within one engine, for the sequence's whole life.
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
        /// Whether the chunk ends with the last known token, so that the next token is sampled from its last logits.
        package var samples: Bool
        /// Whether the chunk continues a running stream, rather than being prefill.
        package var continuesStream: Bool
        /// The number of drafted tokens at the end. A drafted token is accepted if it equals the token that is sampled for its position. The first
        /// rejected one invalidates all tokens after it.
        package var drafts = 0
        /// Whether the draft comes from the client's prediction.
        package var isPrediction = false
        /// The prompt tokens whose log probabilities are wanted; nil for none.
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

    /// The prompt tokens that follow some of a chunk's rows.
    package struct Scores: Sendable, Equatable {
        /// The index of the first of these rows in the chunk. A row's logits give the log probability of the token after it.
        package var firstRow: Int
        /// The tokens that follow `firstRow` and each row after it.
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
    /// The number of rows whose logits are wanted.
    package var outputCount: Int { chunks.reduce(0) { $0 + ($1.samples ? 1 + $1.drafts : 0) + ($1.scores?.tokens.count ?? 0) } }
}

/// The result of one chunk of a batch.
package struct ChunkResult: Sendable, Equatable {
    /// For a chunk that samples: the token after its last known one and, for each accepted drafted token, the token after that. Tokens that a
    /// constraint forces follow without being computed.
    package var tokens: [Token]
    /// Whether no token can follow, although the model has not ended the text, because its constraint allows none.
    package var isExhausted: Bool
    /// The reason why the sequence cannot continue; nil when it can. A failed chunk has no tokens.
    package var failure: String?

    package init(tokens: [Token] = [], isExhausted: Bool = false, failure: String? = nil) {
        self.tokens = tokens
        self.isExhausted = isExhausted
        self.failure = failure
    }
}

/// A model that computes batches. It lives on the engine's thread, and no other thread accesses it.
package protocol ModelRunner {
    var limits: RunnerLimits { get }

    func isEndOfGeneration(_ token: Token) -> Bool

    /// Prepares sampling for a new sequence. Its draws depend only on its own seed and logits.
    mutating func addSequence(_ id: SequenceID, sampling: SequenceSampling)

    mutating func removeSequence(_ id: SequenceID)

    /// Prepares the constraints of all sequences for their next tokens. Returns the sequences whose next token cannot be sampled yet.
    /// - seconds: the approximate time limit for all of them together.
    mutating func prepareDraws(within seconds: Double) -> Set<SequenceID>

    /// Changes which slots use which cells, without computing anything. `state` and `restore` perform saving and restoring.
    mutating func perform(_ operation: CacheOperation)

    /// Returns the position from which on all tokens of a slot are still cached, in models that discard tokens before their attention window.
    func firstPosition(slot: Int) -> Int

    /// Returns the computed state of a slot's tokens, as bytes for `restore`; nil when the model cannot provide it.
    mutating func state(slot: Int) -> [UInt8]?

    /// Fills an empty slot with a state that `state` returned. Returns false, with the slot still empty, on failure.
    mutating func restore(slot: Int, from state: [UInt8]) -> Bool

    /// Computes the batch and returns a result for each chunk, in order.
    ///
    /// Throws when nothing of the batch could be computed; `rollBack` then restores its slots. An error that concerns a single sequence is the
    /// result of its chunk.
    mutating func run(_ batch: Batch) throws -> [ChunkResult]

    /// Drops the tokens that a failed `run` may have left in a slot after its first `count` tokens. Returns false when these first tokens are lost
    /// as well.
    mutating func rollBack(slot: Int, to count: Int) -> Bool

    /// Returns the log probabilities of a sequence's tokens: first of those that the last `run` scored, then of those that it sampled, in order.
    /// Empty unless they were requested.
    mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs]

    /// The seconds that the model itself took in the last `run`. The rest of a step is sampling and bookkeeping.
    var modelSeconds: Double { get }

    /// The expected duration of the next `run` as a multiple of the usual duration, when other work needs some of its cores. At least 1.
    var slowdown: Double { get }
}

extension ModelRunner {
    package var slowdown: Double { 1 }
    package func firstPosition(slot: Int) -> Int { 0 }
    package mutating func prepareDraws(within seconds: Double) -> Set<SequenceID> { [] }
    package mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs] { [] }
}
