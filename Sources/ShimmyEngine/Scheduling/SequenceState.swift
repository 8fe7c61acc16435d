package import ShimmyCore

/// What is submitted to an engine: the tokens to continue and how.
package struct SequenceRequest: Sendable {
    /// At least one token, and fewer than the context holds.
    package var prompt: [Token]
    /// The most tokens to generate, at least 1.
    package var maximumTokens: Int
    package var sampling: SequenceSampling
    /// Whose fair share it takes from.
    package var owner: Owner
    /// Computed only when nobody else has work.
    package var isFlex: Bool
    /// What the answer will probably be, to be verified rather than computed; empty for none.
    package var prediction: [Token]

    package init(
        prompt: [Token], maximumTokens: Int, sampling: SamplingParameters, constraint: (any ConstraintSource)? = nil, owner: Owner = .common,
        isFlex: Bool = false, prediction: [Token] = []
    ) {
        precondition(!prompt.isEmpty && maximumTokens > 0)
        self.prompt = prompt
        self.maximumTokens = maximumTokens
        self.sampling = SequenceSampling(sampling, constraint: constraint, prompt: sampling.repeatPenalty == 1 ? [] : prompt)
        self.owner = owner
        self.isFlex = isFlex
        self.prediction = prediction
    }
}

/// One sequence on its way: the tokens known, and how many of them are computed.
/// Prefill and decode are the same thing: `computed` catches up with `tokens`.
struct SequenceState {
    let id: SequenceID
    let promptCount: Int
    let maximumTokens: Int
    let owner: Owner
    let isFlex: Bool
    /// Prompt tokens that the engine had computed for anybody when this one arrived: how long it has waited, told in work.
    let arrival: Int
    /// Prompt and generated tokens.
    private(set) var tokens: [Token]
    /// Tokens whose cells are in the cache: `0 <= computed < tokens.count`.
    private(set) var computed = 0
    /// Tokens among the newest that were not computed when they were known.
    private var forced = 0
    /// The slot that holds the cells; nil while waiting.
    private(set) var slot: Int?
    /// Prompt tokens that were found in the cache when the sequence first started; nil before.
    private(set) var cachedPromptTokens: Int?
    /// Where the prompt left what was cached then.
    private(set) var divergence: Divergence?
    private var drafter: Drafter
    /// Tokens that could be restored from the disk when it first starts.
    private(set) var restorable: Int
    /// The part of the client's prediction that was verified: tokens that came true, and tokens that did not.
    private(set) var predictionTokens = PredictionCount()

    init(id: SequenceID, request: SequenceRequest, arrival: Int, restorable: Int = 0) {
        self.restorable = restorable
        self.id = id
        self.owner = request.owner
        self.isFlex = request.isFlex
        self.arrival = arrival
        self.drafter = Drafter(prediction: request.prediction)
        self.promptCount = request.prompt.count
        self.maximumTokens = request.maximumTokens
        self.tokens = request.prompt
    }

    var generatedCount: Int { tokens.count - promptCount }
    var pendingCount: Int { tokens.count - computed }
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
