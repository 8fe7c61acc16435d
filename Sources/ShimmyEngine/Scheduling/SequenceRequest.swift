package import ShimmyCore

/// A request to an engine: the prompt to continue, and how to continue it.
package struct SequenceRequest: Sendable {
    /// The prompt to continue; not empty.
    package let prompt: Prompt
    /// The max number of tokens to generate. With 0, only the prompt is computed.
    package var maximumTokens: Int
    package var sampling: SequenceSampling
    /// The owner whose fair share the sequence uses.
    package var owner: Owner
    /// Whether the sequence is computed only when there is no other work.
    package var isFlex: Bool
    /// The predicted answer, which is verified as drafts; empty for none. The setter takes time proportional to its length.
    package var prediction: [Token] {
        get { predictionIndex.units.compactMap(\.token) }
        set { predictionIndex = NGramIndex(newValue.map { PromptUnit($0) }, isComplete: true) }
    }
    private(set) var predictionIndex: NGramIndex
    let promptIndex: NGramIndex
    /// Whether the log probabilities of the prompt's own tokens are wanted, as many for each token as `sampling` says. All of the prompt is then
    /// computed. Only for prompts of text.
    package var scoresPrompt = false
    /// Tokens whose log probabilities right after the prompt are wanted, all from the logits of its last token; empty for none. They have no effect
    /// in a request with `scoresPrompt`.
    package var probes: [Token] = []
    /// The adapters that the sequence is computed with.
    package var adapters = AdapterSet.none
    /// Indices of prompt units where another prompt will probably diverge from this one: the beginnings of its last turns.
    package var landmarks: [Int] = []

    /// Creates a request in time proportional to the length of the prompt and of the prediction. Copies for further choices take no time.
    package init(
        prompt: Prompt, maximumTokens: Int, sampling: SamplingParameters, constraint: (any ConstraintSource)? = nil, owner: Owner = .common,
        isFlex: Bool = false, prediction: [Token] = []
    ) {
        precondition(!prompt.isEmpty && maximumTokens >= 0)
        self.prompt = prompt
        promptIndex = NGramIndex(prompt.units)
        predictionIndex = NGramIndex(prediction.map { PromptUnit($0) }, isComplete: true)
        self.maximumTokens = maximumTokens
        self.sampling = SequenceSampling(sampling, constraint: constraint, prompt: sampling.looksBack ? prompt.tokens : [])
        self.owner = owner
        self.isFlex = isFlex
    }

    /// Creates a request with a prompt of text.
    package init(
        prompt: [Token], maximumTokens: Int, sampling: SamplingParameters, constraint: (any ConstraintSource)? = nil, owner: Owner = .common,
        isFlex: Bool = false, prediction: [Token] = []
    ) {
        self.init(
            prompt: Prompt(prompt), maximumTokens: maximumTokens, sampling: sampling, constraint: constraint, owner: owner, isFlex: isFlex,
            prediction: prediction)
    }

    /// Returns whether an engine can compute the request: its context has room for the prompt and, if tokens are generated, for the first token of
    /// the answer, and a step has room for each media segment that cannot be divided beside all streams.
    func fits(_ limits: RunnerLimits) -> Bool {
        prompt.count + min(1, maximumTokens) <= limits.contextLength && (!scoresPrompt || prompt.media.isEmpty)
            && (prompt.largestChunk == 0 || prompt.largestChunk <= limits.batchTokens - (limits.running - 1))
    }
}
