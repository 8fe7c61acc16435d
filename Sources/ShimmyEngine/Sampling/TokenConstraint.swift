package import ShimmyCore

/// What one sequence may say: a grammar's state, for instance. Used by the engine's thread alone.
package protocol TokenConstraint: AnyObject {
    /// The tokens that have to come next, whatever the logits say; empty where there is a choice. The last one may end the generation.
    var forced: [Token] { get }

    /// The tokens that may come next; nil for all. It takes as long as it takes, unless it was prepared.
    var mask: TokenMask? { get }

    /// Works on what the next draw needs; returns whether all of it is known. A later call goes on.
    /// - deadline: when to stop, about.
    func prepare(until deadline: ContinuousClock.Instant) -> Bool

    /// The sequence goes on with `token`, which was forced or allowed.
    func accept(_ token: Token)
}

/// Makes a constraint for each sequence of a request, each at its beginning.
package protocol ConstraintSource: Sendable {
    func makeConstraint() -> any TokenConstraint
}

/// What is added to a token's logit.
struct TokenBias: Sendable, Equatable {
    let token: Token
    let bias: Float
}

/// All that decides how one sequence's tokens are drawn.
package struct SequenceSampling: Sendable {
    package var parameters: SamplingParameters
    /// `parameters.bias` as a list, which is read faster; made once for all choices of a request.
    let bias: [TokenBias]
    /// Nil where everything may be said.
    package var constraint: (any ConstraintSource)?
    /// The tokens before the first one that is drawn, for penalties that look at them.
    package var prompt: [Token]
    /// For `SamplingParameters.dry`.
    package var breakers = SequenceBreakers()

    package init(_ parameters: SamplingParameters, constraint: (any ConstraintSource)? = nil, prompt: [Token] = []) {
        self.parameters = parameters
        bias = parameters.bias.map { TokenBias(token: $0.key, bias: $0.value) }
        self.constraint = constraint
        self.prompt = prompt
    }
}
