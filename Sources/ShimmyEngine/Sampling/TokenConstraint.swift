package import ShimmyCore

/// A constraint on the tokens of one sequence, such as the state of a grammar. Only the engine's thread uses it.
package protocol TokenConstraint: AnyObject {
    /// The tokens that must come next, whatever the logits; empty where there is a choice. The last one may be an EOG token.
    var forced: [Token] { get }

    /// The tokens that may come next; nil for all. Computing them can take long, unless the constraint was prepared.
    var mask: TokenMask? { get }

    /// Prepares the next draw. Returns whether the preparation is complete; a later call continues it.
    /// - deadline: the approximate time at which to stop.
    func prepare(until deadline: ContinuousClock.Instant) -> Bool

    /// Takes in the next token of the sequence, which was forced or allowed.
    func accept(_ token: Token)
}

/// A source of constraints: one for each sequence of a request, each in its initial state.
package protocol ConstraintSource: Sendable {
    func makeConstraint() -> any TokenConstraint
}

/// A bias that is added to a token's logit.
struct TokenBias: Sendable, Equatable {
    let token: Token
    let bias: Float
}

/// The settings for drawing one sequence's tokens.
package struct SequenceSampling: Sendable {
    package var parameters: SamplingParameters
    /// `parameters.bias` as a list, which is faster to read. It is built once for all choices of a request.
    let bias: [TokenBias]
    /// The source of the sequence's constraint; nil for an unconstrained sequence.
    package var constraint: (any ConstraintSource)?
    /// The tokens before the first drawn one, for penalties that look at them.
    package var prompt: [Token]
    /// The sequence breakers for `SamplingParameters.dry`.
    package var breakers = SequenceBreakers()

    package init(_ parameters: SamplingParameters, constraint: (any ConstraintSource)? = nil, prompt: [Token] = []) {
        self.parameters = parameters
        bias = parameters.bias.map { TokenBias(token: $0.key, bias: $0.value) }
        self.constraint = constraint
        self.prompt = prompt
    }
}
