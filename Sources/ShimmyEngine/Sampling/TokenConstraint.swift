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
    /// The tokens before the first one that is drawn, for penalties that look at them.
    package var prompt: [Token]

    package init(_ parameters: SamplingParameters, constraint: (any ConstraintSource)? = nil, prompt: [Token] = []) {
        self.parameters = parameters
        self.constraint = constraint
        self.prompt = prompt
    }
}
