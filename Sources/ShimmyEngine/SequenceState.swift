package import ShimmyCore

/// What is submitted to an engine: the tokens to continue and how.
package struct SequenceRequest: Sendable, Equatable {
    /// At least one token, and fewer than the context holds.
    package var prompt: [Token]
    /// The most tokens to generate, at least 1.
    package var maximumTokens: Int
    package var sampling: SamplingParameters

    package init(prompt: [Token], maximumTokens: Int, sampling: SamplingParameters) {
        precondition(!prompt.isEmpty && maximumTokens > 0)
        self.prompt = prompt
        self.maximumTokens = maximumTokens
        self.sampling = sampling
    }
}

/// One sequence on its way: the tokens known, and how many of them are computed.
/// Prefill and decode are the same thing: `computed` catches up with `tokens`.
struct SequenceState {
    let id: SequenceID
    let promptCount: Int
    let maximumTokens: Int
    /// Prompt and generated tokens.
    private(set) var tokens: [Token]
    /// Tokens whose cells are in the cache: `0 <= computed < tokens.count`.
    private(set) var computed = 0
    /// The slot that holds the cells; nil while waiting.
    private(set) var slot: Int?
    /// Prompt tokens that were found in the cache when the sequence first started; nil before.
    private(set) var cachedPromptTokens: Int?

    init(id: SequenceID, request: SequenceRequest) {
        self.id = id
        self.promptCount = request.prompt.count
        self.maximumTokens = request.maximumTokens
        self.tokens = request.prompt
    }

    var generatedCount: Int { tokens.count - promptCount }
    var pendingCount: Int { tokens.count - computed }
    /// Only the newest token is missing: the sequence is a running stream.
    var isDecoding: Bool { pendingCount == 1 && generatedCount > 0 }

    /// Takes a slot whose first `cached` cells already hold this sequence's first tokens.
    mutating func start(slot: Int, cached: Int) {
        precondition(self.slot == nil && cached < tokens.count)
        self.slot = slot
        computed = cached
        if cachedPromptTokens == nil { cachedPromptTokens = min(cached, promptCount) }
    }

    /// Gives the slot back; everything will be computed anew.
    mutating func pause() {
        slot = nil
        computed = 0
    }

    mutating func didCompute(_ count: Int) {
        computed += count
        precondition(computed <= tokens.count)
    }

    mutating func append(_ token: Token) {
        precondition(computed == tokens.count)
        tokens.append(token)
    }
}
