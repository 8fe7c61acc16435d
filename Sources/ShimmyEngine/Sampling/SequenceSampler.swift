package import ShimmyCore

/// Draws the tokens of one sequence: its penalties, biases and constraint shape the logits that `TokenSampler` draws from.
package struct SequenceSampler {
    private let parameters: SamplingParameters
    private var sampler: TokenSampler
    private let constraint: (any TokenConstraint)?
    /// All tokens that end a generation.
    private let ends: Set<Token>
    /// The one to end with when the constraint leaves nothing else.
    private let endOfGeneration: Token
    /// How often each token was drawn.
    private var counts: [Token: Int] = [:]
    private var drawn = 0
    /// The last tokens, for the penalty of repetitions.
    private var recent: [Token]
    private var logprobs: [TokenLogprobs] = []
    /// Logits as they are changed; scratch, kept between draws.
    private var shaped: [Float] = []

    /// Refused tokens after which the whole vocabulary is looked through.
    private static let patience = 8

    package init(_ sampling: SequenceSampling, endOfGeneration: Token, ends: Set<Token>) {
        parameters = sampling.parameters
        sampler = TokenSampler(sampling.parameters)
        constraint = sampling.constraint?.makeConstraint()
        self.endOfGeneration = endOfGeneration
        self.ends = ends
        recent = parameters.repeatPenalty == 1 ? [] : Array(sampling.prompt.suffix(parameters.repeatWindow))
    }

    /// - logits: one for each token of the vocabulary.
    package mutating func next(_ logits: UnsafeBufferPointer<Float>) -> Token {
        let token = constraint?.forced ?? draw(logits)
        if let count = parameters.logprobs { logprobs.append(Logprobs.of(token, top: count, in: logits)) }
        note(token)
        return token
    }

    /// The log probabilities of the tokens that were drawn since the last call.
    package mutating func takeLogprobs() -> [TokenLogprobs] {
        defer { logprobs.removeAll(keepingCapacity: true) }
        return logprobs
    }

    private mutating func note(_ token: Token) {
        drawn += 1
        if !ends.contains(token) { constraint?.accept(token) }
        if parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 { counts[token, default: 0] += 1 }
        guard parameters.repeatPenalty != 1 else { return }
        recent.append(token)
        if recent.count > parameters.repeatWindow { recent.removeFirst() }
    }

    // MARK: Shaping

    private var mayNotEnd: Bool { parameters.ignoresEnd || drawn < parameters.minimumTokens }

    private var isShaped: Bool {
        !parameters.bias.isEmpty || !counts.isEmpty || !recent.isEmpty || mayNotEnd
    }

    private mutating func draw(_ logits: UnsafeBufferPointer<Float>) -> Token {
        guard isShaped else { return constraint.map { drawAllowed(logits, $0) } ?? sampler.sample(logits) }
        shaped.removeAll(keepingCapacity: true)
        shaped.append(contentsOf: logits)
        shape()
        guard let constraint else { return shaped.withUnsafeBufferPointer { sampler.sample($0) } }
        let copy = shaped
        return copy.withUnsafeBufferPointer { drawAllowed($0, constraint) }
    }

    private mutating func shape() {
        for token in Set(recent) where shaped.indices.contains(Int(token)) {
            let logit = shaped[Int(token)]
            shaped[Int(token)] = logit > 0 ? logit / parameters.repeatPenalty : logit * parameters.repeatPenalty
        }
        // OpenAI's formula: the count times the frequency's penalty, and the presence's once.
        for (token, count) in counts where shaped.indices.contains(Int(token)) {
            shaped[Int(token)] -= Float(count) * parameters.frequencyPenalty + parameters.presencePenalty
        }
        for (token, bias) in parameters.bias where shaped.indices.contains(Int(token)) {
            shaped[Int(token)] = bias <= -100 ? -.infinity : shaped[Int(token)] + bias
        }
        if mayNotEnd { for token in ends { shaped[Int(token)] = -.infinity } }
    }

    // MARK: The constraint

    /// Draws until a token is allowed. Refused ones are taken out, so that the outcome is distributed as if the constraint had been asked
    /// about every token first; most draws need only one question.
    private mutating func drawAllowed(_ logits: UnsafeBufferPointer<Float>, _ constraint: any TokenConstraint) -> Token {
        let first = sampler.sample(logits)
        if !constraint.filter([first]).isEmpty { return first }
        shaped.removeAll(keepingCapacity: true)
        shaped.append(contentsOf: logits)
        var refused = first
        for _ in 0..<Self.patience {
            shaped[Int(refused)] = -.infinity
            refused = shaped.withUnsafeBufferPointer { sampler.sample($0) }
            if !constraint.filter([refused]).isEmpty { return refused }
        }
        let left = constraint.filter(shaped.indices.filter { shaped[$0] > -.infinity }.map { Token($0) })
        guard !left.isEmpty else { return endOfGeneration }
        let values = left.map { shaped[Int($0)] }
        for index in shaped.indices { shaped[index] = -.infinity }
        for (token, value) in zip(left, values) { shaped[Int(token)] = value }
        return shaped.withUnsafeBufferPointer { sampler.sample($0) }
    }
}
