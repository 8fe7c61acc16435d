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
