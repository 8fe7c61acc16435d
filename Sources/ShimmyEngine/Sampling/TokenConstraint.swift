package import ShimmyCore

/// What one sequence may say: a grammar's state, for instance. Used by the engine's thread alone.
package protocol TokenConstraint: AnyObject {
    /// The token that has to come next, whatever the logits say; nil where there is a choice.
    var forced: Token? { get }

    /// Keeps of `tokens` those that may come next, in order.
    func filter(_ tokens: [Token]) -> [Token]

    /// The sequence goes on with `token`, which was forced or passed the filter.
    func accept(_ token: Token)
}

/// Makes a constraint for each sequence of a request, each at its beginning.
package protocol ConstraintSource: Sendable {
    func makeConstraint() -> any TokenConstraint
}

/// All that decides how one sequence's tokens are drawn.
package struct SequenceSampling: Sendable {
    package var parameters: SamplingParameters
    /// Nil where everything may be said.
    package var constraint: (any ConstraintSource)?

    package init(_ parameters: SamplingParameters, constraint: (any ConstraintSource)? = nil) {
        self.parameters = parameters
        self.constraint = constraint
    }
}

/// Draws the tokens of one sequence under its constraint.
package struct SequenceSampler {
    private var sampler: TokenSampler
    private let constraint: (any TokenConstraint)?
    private let isEndOfGeneration: (Token) -> Bool
    /// Tokens to end with when the constraint leaves nothing else.
    private let endOfGeneration: Token
    /// Logits without what was refused; scratch, kept between draws.
    private var allowed: [Float] = []

    /// Refused tokens after which the whole vocabulary is looked through.
    private static let patience = 8

    package init(_ sampling: SequenceSampling, endOfGeneration: Token, isEndOfGeneration: @escaping (Token) -> Bool) {
        sampler = TokenSampler(sampling.parameters)
        constraint = sampling.constraint?.makeConstraint()
        self.endOfGeneration = endOfGeneration
        self.isEndOfGeneration = isEndOfGeneration
    }

    /// - logits: one for each token of the vocabulary.
    package mutating func next(_ logits: UnsafeBufferPointer<Float>) -> Token {
        guard let constraint else { return sampler.sample(logits) }
        let token = constraint.forced ?? draw(logits, constraint)
        if !isEndOfGeneration(token) { constraint.accept(token) }
        return token
    }

    /// Draws until a token is allowed. Refused ones are taken out, so that the outcome is distributed as if the constraint had been asked
    /// about every token first; most draws need only one question.
    private mutating func draw(_ logits: UnsafeBufferPointer<Float>, _ constraint: any TokenConstraint) -> Token {
        let first = sampler.sample(logits)
        if !constraint.filter([first]).isEmpty { return first }
        allowed.removeAll(keepingCapacity: true)
        allowed.append(contentsOf: logits)
        var refused = first
        for _ in 0..<Self.patience {
            allowed[Int(refused)] = -.infinity
            refused = allowed.withUnsafeBufferPointer { sampler.sample($0) }
            if !constraint.filter([refused]).isEmpty { return refused }
        }
        let left = constraint.filter(allowed.indices.filter { allowed[$0] > -.infinity }.map { Token($0) })
        guard !left.isEmpty else { return endOfGeneration }
        let values = left.map { allowed[Int($0)] }
        for index in allowed.indices { allowed[index] = -.infinity }
        for (token, value) in zip(left, values) { allowed[Int(token)] = value }
        return allowed.withUnsafeBufferPointer { sampler.sample($0) }
    }
}
