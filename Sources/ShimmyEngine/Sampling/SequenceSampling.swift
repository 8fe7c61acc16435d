package import ShimmyCore

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
