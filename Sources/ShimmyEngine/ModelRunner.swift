package import ShimmyCore

/// A model that computes batches. It lives on the engine's thread, and no other thread accesses it. An engine has a runner for each of its models
/// (`EngineRunners`).
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

    /// Returns the position, not the cell, from which on all tokens of a slot are still cached, in models that discard tokens before their attention
    /// window.
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

    /// Drops the units that a failed `run` may have left in a slot after its first `length`. Returns false when these first units are lost as well.
    mutating func rollBack(slot: Int, to length: PrefixLength) -> Bool

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
