import ShimmyCore

/// The state of one sequence: its known units, and how many of them are computed. Prefill and decode are the same thing: `computed` catches up
/// with `known`.
struct SequenceState {
    let id: SequenceID
    let promptCount: Int
    let maximumTokens: Int
    let owner: Owner
    let isFlex: Bool
    let adapters: AdapterSet
    /// The number of tokens that the engine had computed by prefill of all sequences when this one arrived. It measures the waiting time in work.
    private let arrival: Int
    /// The number of tokens that prefill has computed for this sequence since then. More than `computed` after the sequence was preempted.
    private var prefilled = 0
    /// The prompt and the generated tokens.
    private(set) var known: Prompt
    /// The number of units whose cells are in the cache: `0 <= computed < known.count`, except at the end of a sequence that generates nothing.
    private(set) var computed = 0
    /// The index of the first prompt token whose log probability is still missing; nil when none is missing or wanted.
    private(set) var firstUnscored: Int?
    /// See `SequenceRequest.probes`.
    private let probes: [Token]
    /// The number of forced tokens among the newest ones. No step had computed them when they became known.
    private var forced = 0
    /// The slot that contains the sequence's cells; nil while waiting.
    private(set) var slot: Int?
    /// The number of prompt units that were in the cache when the sequence first started; nil before.
    private(set) var cachedPromptTokens: Int?
    /// The point where the prompt diverged from the cached tokens at that time; nil before, and where the prompt only extends them.
    private(set) var divergence: Divergence?
    /// The numbers of units, ascending, after which the model's state is kept for other sequences. Only used with models that can reuse a prefix
    /// only as a whole.
    private var checkpoints: [Int] = []
    private let landmarks: [Int]
    /// Whether the next token cannot be sampled yet. The last known token is not computed until then.
    var isHeld = false
    /// For a waiting sequence, the sequence whose prefill it waits for, and how many tokens of it must be computed; nil for none.
    var awaited: (sequence: SequenceID, until: Int)?
    /// The number of units that can be restored from the disk when the sequence first starts.
    private(set) var restorable: Int
    /// The numbers of verified tokens of the client's prediction: accepted and rejected ones.
    private(set) var predictionTokens = PredictionCount()

    init(id: SequenceID, request: SequenceRequest, arrival: Int, restorable: Int = 0) {
        self.restorable = restorable
        self.id = id
        self.owner = request.owner
        self.isFlex = request.isFlex
        self.adapters = request.adapters
        self.arrival = arrival
        self.promptCount = request.prompt.count
        self.maximumTokens = request.maximumTokens
        self.known = request.prompt
        self.landmarks = request.landmarks
        self.probes = request.scoresPrompt ? [] : request.probes
        // The first token has no log probability, since no logits precede it. Probes are scored as the token after the prompt.
        self.firstUnscored = request.scoresPrompt && request.prompt.count > 1 ? 1 : probes.isEmpty ? nil : request.prompt.count
    }

    /// The max number of units that may come from the cache. Scoring and sampling need logits: the last unit is always computed, and a prompt
    /// that is not scored yet reuses only the units before the row whose logits score its first unscored token.
    var reusableCount: Int { min(firstUnscored.map { $0 - 1 } ?? .max, known.count - 1) }
    var isScoring: Bool { firstUnscored != nil }
    /// Whether the cache can provide all units except the last one, as for a sequence that scores none of its prompt's tokens.
    var reusesAnyPrefix: Bool { reusableCount == known.count - 1 }
    /// Whether the sequence generates nothing and is completely computed.
    var isComputedOnly: Bool { maximumTokens == 0 && computed == known.count }

    /// Returns the scores that the rows of these units need; nil for none.
    func scores(in range: Range<Int>) -> Batch.Scores? {
        guard let firstUnscored else { return nil }
        if !probes.isEmpty {
            return range.upperBound == promptCount
                ? Batch.Scores(firstRow: range.count - 1, tokens: probes, areAlternatives: true) : nil
        }
        let first = max(range.lowerBound, firstUnscored - 1)
        let scored = first + 1..<max(first + 1, min(range.upperBound + 1, promptCount))
        return scored.isEmpty ? nil : Batch.Scores(firstRow: first - range.lowerBound, tokens: known.tokens(in: scored))
    }

    /// Returns the waiting time in work: the number of tokens that were computed by prefill of other sequences since this one arrived.
    /// - prefilled: the number of tokens that the engine has computed by prefill of all sequences.
    func waited(until prefilled: Int) -> Int { max(0, prefilled - arrival - self.prefilled) }

    mutating func didPrefill(_ count: Int) { prefilled += count }

    /// Returns the kind of a chunk that ends before the unit at `end`.
    func kind(ofChunkUpTo end: Int) -> Batch.Chunk.Kind {
        let samples = end == known.count && maximumTokens > 0
        if isDecoding { return samples ? .continuation() : .forced }
        return samples ? .prefillEnd : .prefill
    }

    mutating func didScore(_ count: Int) { firstUnscored = firstUnscored.map { $0 + count }.flatMap { $0 < promptCount ? $0 : nil } }

    var generatedCount: Int { known.count - promptCount }
    var pendingCount: Int { known.count - computed }
    /// The number of pending units that a step may compute.
    var plannableCount: Int { pendingCount - (isHeld ? 1 : 0) }
    /// The length of the computed units.
    var computedLength: PrefixLength { known.length(of: computed) }

    /// Returns how many of the pending units the next chunk can have: at most `limit`, but a media segment that cannot be divided counts as a whole,
    /// even beyond `limit`. 0 for a segment that may not be computed yet.
    func chunkCount(atMost limit: Int) -> Int {
        let count = known.chunkCount(from: computed, atMost: min(limit, plannableCount))
        return count <= plannableCount ? count : 0
    }

    /// The number of steps for which the cells must suffice when the sequence starts. It is higher for a longer sequence, which takes longer to
    /// recompute if it is preempted.
    var reservedSteps: Int { min(256, 64 + known.count / 4) }

    /// Returns the max number of tokens that the sequence generates in this many steps, without drafts.
    func growth(in steps: Int) -> Int { max(0, min(maximumTokens - generatedCount, steps)) }

    /// Whether the sequence is a running stream: only its newest token, and the forced ones before it, are not computed.
    var isDecoding: Bool { pendingCount <= 1 + forced && generatedCount > 0 }

    /// Takes a slot whose first `cached` cells already contain this sequence's first units.
    mutating func start(slot: Int, cached: Int, divergence: Divergence? = nil) {
        precondition(self.slot == nil && cached < known.count)
        self.slot = slot
        restorable = 0
        computed = cached
        if cachedPromptTokens == nil {
            cachedPromptTokens = min(cached, promptCount)
            self.divergence = divergence
        }
    }

    /// Plans checkpoints at the prompt's landmarks and where the prompt diverged from the cached one, or before the media segment there.
    mutating func planCheckpoints() {
        let counts = Set((landmarks + [divergence?.index ?? 0]).map { known.boundary(atMost: $0) })
        checkpoints = counts.filter { $0 >= computed + Self.minCheckpointTokens && $0 < promptCount }.sorted()
    }

    /// The min number of tokens that justify a checkpoint's slot. Recomputing fewer is faster.
    private static let minCheckpointTokens = 16

    /// Returns the last planned checkpoint up to `limit`, in units; 0 for none.
    func lastCheckpoint(upTo limit: Int) -> Int { checkpoints.last { $0 <= limit } ?? 0 }

    /// Forgets the cached units of the first start, after they could not be restored from the disk.
    mutating func didNotRestore() {
        cachedPromptTokens = nil
        divergence = nil
    }

    /// The number of units until the next checkpoint; nil for none.
    var untilCheckpoint: Int? { checkpoints.first.map { $0 - computed } }

    /// Returns whether a checkpoint is due now, and removes it from the plan.
    mutating func takeCheckpoint() -> Bool {
        guard checkpoints.first == computed else { return false }
        checkpoints.removeFirst()
        return true
    }

    /// Gives the slot back. Units that the cache does not keep will be recomputed.
    mutating func preempt() {
        slot = nil
        computed = 0
        forced = 0
    }

    /// Records how many of the newest tokens are forced, so that no step has computed them yet.
    mutating func force(_ count: Int) { forced = count }

    mutating func didCompute(_ count: Int) {
        computed += count
        precondition(computed <= known.count)
    }

    mutating func append(_ token: Token) { known.append(token) }

    /// Counts the verified tokens of a draft from the client's prediction.
    mutating func countPrediction(drafted: Int, accepted: Int) {
        predictionTokens.accepted += accepted
        predictionTokens.rejected += drafted - accepted
    }
}
