package import ShimmyCore

/// What is submitted to an engine: the tokens to continue and how.
package struct SequenceRequest: Sendable {
    /// At least one token.
    package var prompt: [Token] { promptIndex.tokens }
    /// The most tokens to generate; with 0 only the prompt is computed.
    package var maximumTokens: Int
    package var sampling: SequenceSampling
    /// Whose fair share it takes from.
    package var owner: Owner
    /// Computed only when nobody else has work.
    package var isFlex: Bool
    /// What the answer will probably be, to be verified rather than computed; empty for none. Setting it takes time by its length.
    package var prediction: [Token] {
        get { predictionIndex.tokens }
        set { predictionIndex = NGramIndex(newValue, isComplete: true) }
    }
    private(set) var predictionIndex: NGramIndex
    let promptIndex: NGramIndex
    /// Whether the prompt's own log probabilities are wanted, as many for each token as `sampling` says: then all of it is computed.
    package var scoresPrompt = false
    /// What it is computed with.
    package var adapters = AdapterSet.none
    /// Places in the prompt, in tokens, where another one will probably part from it: the beginnings of its last turns.
    package var landmarks: [Int] = []

    /// Takes time by the length of the prompt and of the prediction; copies for further choices take none.
    package init(
        prompt: [Token], maximumTokens: Int, sampling: SamplingParameters, constraint: (any ConstraintSource)? = nil, owner: Owner = .common,
        isFlex: Bool = false, prediction: [Token] = []
    ) {
        precondition(!prompt.isEmpty && maximumTokens >= 0)
        promptIndex = NGramIndex(prompt)
        predictionIndex = NGramIndex(prediction, isComplete: true)
        self.maximumTokens = maximumTokens
        self.sampling = SequenceSampling(sampling, constraint: constraint, prompt: sampling.looksBack ? prompt : [])
        self.owner = owner
        self.isFlex = isFlex
    }

    /// Whether a context holds the prompt and, where there is one, the first token of the answer.
    func fits(_ contextLength: Int) -> Bool { prompt.count + min(1, maximumTokens) <= contextLength }
}

/// One sequence on its way: the tokens known, and how many of them are computed.
/// Prefill and decode are the same thing: `computed` catches up with `tokens`.
struct SequenceState {
    let id: SequenceID
    let promptCount: Int
    let maximumTokens: Int
    let owner: Owner
    let isFlex: Bool
    let adapters: AdapterSet
    /// Prompt tokens that the engine had computed for anybody when this one arrived: how long it has waited, told in work.
    let arrival: Int
    /// Prompt and generated tokens.
    private(set) var tokens: [Token]
    /// Tokens whose cells are in the cache: `0 <= computed < tokens.count`, but at the end of a sequence that generates nothing.
    private(set) var computed = 0
    /// The first of the prompt's tokens whose log probability is still to be told; nil when none is wanted.
    private(set) var firstUnscored: Int?
    /// Tokens among the newest that were not computed when they were known.
    private var forced = 0
    /// The slot that holds the cells; nil while waiting.
    private(set) var slot: Int?
    /// Prompt tokens that were found in the cache when the sequence first started; nil before.
    private(set) var cachedPromptTokens: Int?
    /// Where the prompt left what was cached then.
    private(set) var divergence: Divergence?
    /// Tokens after which the model's state is to be kept for others, for models that know whole prefixes only; ascending.
    private var checkpoints: [Int] = []
    private let landmarks: [Int]
    private var drafter: Drafter
    /// Whether its next token cannot be drawn yet: its last known token is not computed until then.
    var isHeld = false
    /// For a waiting sequence, whose prefill it waits for and up to which token of it.
    var awaited: (sequence: SequenceID, until: Int)?
    /// Tokens that could be restored from the disk when it first starts.
    private(set) var restorable: Int
    /// The part of the client's prediction that was verified: tokens that came true, and tokens that did not.
    private(set) var predictionTokens = PredictionCount()

    init(id: SequenceID, request: SequenceRequest, arrival: Int, restorable: Int = 0) {
        self.restorable = restorable
        self.id = id
        self.owner = request.owner
        self.isFlex = request.isFlex
        self.adapters = request.adapters
        self.arrival = arrival
        self.drafter = Drafter(prompt: request.promptIndex, prediction: request.predictionIndex)
        self.promptCount = request.prompt.count
        self.maximumTokens = request.maximumTokens
        self.tokens = request.prompt
        self.landmarks = request.landmarks
        // Nothing tells how likely the first token was.
        self.firstUnscored = request.scoresPrompt && request.prompt.count > 1 ? 1 : nil
    }

    /// Tokens that may come from the cache: what is to be scored, and what is to be drawn, needs logits.
    /// For a prompt that is not scored yet, nothing from its first unscored token on.
    var reusableCount: Int { min(firstUnscored.map { $0 - 1 } ?? .max, tokens.count - 1) }
    var isScoring: Bool { firstUnscored != nil }
    /// Whether all was done that was asked for, without a token drawn.
    var isComputedOnly: Bool { maximumTokens == 0 && computed == tokens.count }

    /// What to score in the rows of these tokens; nil for nothing.
    func scores(in range: Range<Int>) -> Batch.Scores? {
        guard let firstUnscored else { return nil }
        let first = max(range.lowerBound, firstUnscored - 1)
        let scored = first + 1..<max(first + 1, min(range.upperBound + 1, promptCount))
        return scored.isEmpty ? nil : Batch.Scores(firstRow: first - range.lowerBound, tokens: Array(tokens[scored]))
    }

    mutating func didScore(_ count: Int) { firstUnscored = firstUnscored.map { $0 + count }.flatMap { $0 < promptCount ? $0 : nil } }

    var generatedCount: Int { tokens.count - promptCount }
    var pendingCount: Int { tokens.count - computed }
    /// Of the pending tokens, those that a step may compute.
    var plannableCount: Int { pendingCount - (isHeld ? 1 : 0) }
    /// Tokens that it will probably generate: about as many again as so far, within its limit.
    var expectedGrowth: Int { min(maximumTokens - generatedCount, 64 + generatedCount) }
    /// Only the newest token is missing, and those that were forced before it: the sequence is a running stream.
    var isDecoding: Bool { pendingCount <= 1 + forced && generatedCount > 0 }

    /// Takes a slot whose first `cached` cells already hold this sequence's first tokens.
    mutating func start(slot: Int, cached: Int, divergence: Divergence? = nil) {
        precondition(self.slot == nil && cached < tokens.count)
        self.slot = slot
        restorable = 0
        computed = cached
        if cachedPromptTokens == nil {
            cachedPromptTokens = min(cached, promptCount)
            self.divergence = divergence
        }
    }

    /// Plans checkpoints at the prompt's landmarks and where it parted from what was cached.
    mutating func planCheckpoints() {
        let places = Set(landmarks + [divergence?.index ?? 0]).filter { $0 >= computed + Self.worthKeeping && $0 < promptCount }
        checkpoints = places.sorted()
    }

    /// Tokens; fewer are computed again sooner than they take a slot.
    private static let worthKeeping = 16

    /// The last place up to `limit` whose state it will leave to others; 0 for none.
    func lastCheckpoint(upTo limit: Int) -> Int { checkpoints.last { $0 <= limit } ?? 0 }

    /// What the disk had for it did not come back.
    mutating func didNotRestore() {
        cachedPromptTokens = nil
        divergence = nil
    }

    /// Tokens until the next checkpoint.
    var untilCheckpoint: Int? { checkpoints.first.map { $0 - computed } }

    /// Whether a checkpoint is due now; it is not due again.
    mutating func takeCheckpoint() -> Bool {
        guard checkpoints.first == computed else { return false }
        checkpoints.removeFirst()
        return true
    }

    /// Gives the slot back; what the cache does not keep will be computed anew.
    mutating func pause() {
        slot = nil
        computed = 0
        forced = 0
    }

    /// The last tokens were known before anything was computed for them.
    mutating func force(_ count: Int) { forced = count }

    mutating func didCompute(_ count: Int) {
        computed += count
        precondition(computed <= tokens.count)
    }

    mutating func append(_ token: Token) {
        tokens.append(token)
        drafter.didAppend(tokens)
    }

    /// How it may go on, and how likely a guess comes true.
    func guess(atMost limit: Int) -> Drafter.Guess { drafter.guess(after: tokens, atMost: limit) }
    var acceptance: Double { drafter.acceptance }
    var followsPrediction: Bool { drafter.followsPrediction }

    /// A guess of the client's prediction was verified.
    mutating func countPrediction(guessed: Int, accepted: Int) {
        predictionTokens.accepted += accepted
        predictionTokens.rejected += guessed - accepted
    }
}
