package import ShimmyCore

/// A sampler of one sequence's tokens. Its penalties, biases and constraint shape the logits that `TokenSampler` draws from.
package struct SequenceSampler {
    private let parameters: SamplingParameters
    private var sampler: TokenSampler
    private let constraint: (any TokenConstraint)?
    /// All EOG tokens.
    private let ends: Set<Token>
    /// The EOG token to draw when the constraint allows no other token; nil for a model without one.
    private let endOfGeneration: Token?
    /// How often each token was drawn.
    private var counts: [Token: Int] = [:]
    private var drawn = 0
    /// The last tokens, for the repetition penalties.
    private var recent: RecentTokens
    private let bias: [TokenBias]
    private let repetitions: RepetitionFinder?
    private var logprobs: [TokenLogprobs] = []
    /// The error when no token can follow although the text is incomplete, because the constraint allows none; nil otherwise.
    package private(set) var obstacle: EngineError?

    /// The max number of forced tokens of one step.
    private static let maxForced = 64

    package init(_ sampling: SequenceSampling, endOfGeneration: Token?, ends: Set<Token>) {
        parameters = sampling.parameters
        sampler = TokenSampler(sampling.parameters)
        constraint = sampling.constraint?.makeConstraint()
        self.endOfGeneration = endOfGeneration
        self.ends = ends
        repetitions = parameters.dry.map { RepetitionFinder($0, breakers: sampling.breakers) }
        let counted = parameters.repeatPenalty == 1 ? 0 : parameters.repeatWindow
        recent = RecentTokens(sampling.prompt, window: max(counted, repetitions?.window ?? 0), countedWindow: counted)
        bias = sampling.bias
    }

    /// Whether the draws depend on the sampler's own state alone. Any thread may then draw.
    package var isUnconstrained: Bool { constraint == nil }

    /// Prepares the constraint for the next draw. Returns whether the preparation is complete.
    package func prepare(until deadline: ContinuousClock.Instant) -> Bool { constraint?.prepare(until: deadline) ?? true }

    /// Draws a token, followed by all tokens for which the constraint leaves no choice. An EOG token is the last one. Returns no tokens when the
    /// constraint allows none, or when only an EOG token could follow and the model has none. `obstacle` is set if the text is then incomplete.
    /// - logits: one for each token of the vocabulary.
    package mutating func next(_ logits: UnsafeBufferPointer<Float>, with scratch: SamplerScratch) -> [Token] {
        guard let token = constraint?.forced.first ?? draw(logits, with: scratch) else { return [] }
        note(token)
        guard let count = parameters.logprobs else { return [token] + takeForced(after: token) }
        // Each token needs logits of its own for its log probability.
        logprobs.append(Logprobs.of(token, top: count, in: logits))
        return [token]
    }

    /// Records the log probability of a prompt token. `takeLogprobs` returns it together with those of drawn tokens.
    package mutating func score(_ token: Token, _ logits: UnsafeBufferPointer<Float>) {
        logprobs.append(Logprobs.of(token, top: parameters.logprobs ?? 0, in: logits))
    }

    /// Records the log probabilities of alternatives for one position, as `score` does for a prompt token.
    package mutating func score(alternatives tokens: [Token], _ logits: UnsafeBufferPointer<Float>) {
        logprobs += Logprobs.of(alternatives: tokens, in: logits)
    }

    private mutating func takeForced(after token: Token) -> [Token] {
        var taken: [Token] = []
        while let constraint, let last = taken.last ?? token as Token?, !ends.contains(last), taken.count < Self.maxForced {
            let forced = constraint.forced
            guard !forced.isEmpty, !forced.contains(where: { ends.contains($0) && mayNotEnd }) else { break }
            for token in forced { note(token) }
            taken += forced
        }
        return taken
    }

    /// Returns the log probabilities that were recorded since the last call.
    package mutating func takeLogprobs() -> [TokenLogprobs] {
        defer { logprobs.removeAll(keepingCapacity: true) }
        return logprobs
    }

    private mutating func note(_ token: Token) {
        drawn += 1
        if !ends.contains(token) { constraint?.accept(token) }
        if parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 { counts[token, default: 0] += 1 }
        recent.append(token)
    }

    // MARK: Shaping

    private var mayNotEnd: Bool { parameters.ignoresEnd || drawn < parameters.minimumTokens }

    private var isShaped: Bool {
        !bias.isEmpty || !counts.isEmpty || !recent.isEmpty || mayNotEnd
    }

    private mutating func draw(_ logits: UnsafeBufferPointer<Float>, with scratch: SamplerScratch) -> Token? {
        let mask = constraint?.mask
        guard isShaped || mask != nil else { return sampler.sample(logits, with: scratch) }
        if !isShaped, parameters.temperature <= 0, let mask {
            // The constraint usually allows the likeliest token, so that the logits need no shaping.
            let token = sampler.sample(logits, with: scratch)
            if mask.contains(token) { return token }
        }
        scratch.shaped.removeAll(keepingCapacity: true)
        scratch.shaped.append(contentsOf: logits)
        scratch.shaped.withUnsafeMutableBufferPointer { shape(&$0) }
        if let mask, !excludeAll(but: mask, with: scratch) {
            if mask.isEmpty {
                // A model without an EOG token also has an empty mask at the end of a complete text, so an empty mask is not an error there.
                if endOfGeneration != nil { obstacle = .noContinuation }
                return nil
            }
            // The constraint has priority over penalties and biases, which have excluded all tokens that it allows.
            scratch.shaped.removeAll(keepingCapacity: true)
            scratch.shaped.append(contentsOf: logits)
            guard excludeAll(but: mask, with: scratch) else { return endOfGeneration }
        }
        return scratch.shaped.withUnsafeBufferPointer { sampler.sample($0, with: scratch) }
    }

    private func shape(_ shaped: inout UnsafeMutableBufferPointer<Float>) {
        if let penalties = repetitions?.penalties(after: recent.last) {
            for (token, penalty) in penalties where shaped.indices.contains(Int(token)) { shaped[Int(token)] -= penalty }
        }
        for token in recent.counts.keys where shaped.indices.contains(Int(token)) {
            let logit = shaped[Int(token)]
            shaped[Int(token)] = logit > 0 ? logit / parameters.repeatPenalty : logit * parameters.repeatPenalty
        }
        // OpenAI's formula: the count times the frequency penalty, and the presence penalty once.
        for (token, count) in counts where shaped.indices.contains(Int(token)) {
            shaped[Int(token)] -= Float(count) * parameters.frequencyPenalty + parameters.presencePenalty
        }
        for entry in bias where shaped.indices.contains(Int(entry.token)) {
            shaped[Int(entry.token)] = entry.bias <= -100 ? -.infinity : shaped[Int(entry.token)] + entry.bias
        }
        if mayNotEnd { for token in ends { shaped[Int(token)] = -.infinity } }
    }

    // MARK: The constraint

    /// Excludes the tokens that are not in the mask. Returns false when no token remains.
    private func excludeAll(but mask: TokenMask, with scratch: SamplerScratch) -> Bool {
        var isLeft = false
        scratch.shaped.withUnsafeMutableBufferPointer { shaped in
            for start in stride(from: 0, to: shaped.count, by: 64) {
                let word = start / 64 < mask.words.count ? mask.words[start / 64] : 0
                for index in start..<min(start + 64, shaped.count) {
                    if word >> UInt64(index - start) & 1 == 0 { shaped[index] = -.infinity }
                    isLeft = isLeft || shaped[index] > -.infinity
                }
            }
        }
        return isLeft
    }
}
