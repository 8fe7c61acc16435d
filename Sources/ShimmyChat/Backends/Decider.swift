/// A model that rates given answers to questions.
package protocol Decider: Sendable {
    /// Renders, tokenizes and checks the questions, then computes how likely each label is as the answer.
    /// Throws `GenerationError` before any work starts, and `QueueFull`, mostly before.
    func decide(_ request: DecisionRequest, terms: ServiceTerms) async throws -> DecisionResult
}
