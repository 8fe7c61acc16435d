package import ShimmyAPI
package import ShimmyChat

/// The life of one answer, for logs, metrics and accounts.
package struct AnswerLife: Sendable {
    package enum Outcome: Sendable {
        case completed
        /// The client left, or another request cancelled the answer.
        case cancelled
        case failed(APIError)
    }

    /// The id of the model's record.
    package let model: String
    /// The time at which the first part of the answer was ready; nil before.
    package internal(set) var firstPart: ContinuousClock.Instant?
    /// The time of the end; nil before.
    package internal(set) var ended: ContinuousClock.Instant?
    /// The token counts; nil if the model did not finish. An answer that cannot be stored as required has failed, but has counts.
    package internal(set) var usage: Usage?
    package internal(set) var outcome = Outcome.cancelled

    init(model: String) { self.model = model }
}

/// Receives the life of each answer, once the answer has ended. It does not see compactions, and no answer that could not begin.
package protocol AnswerObserver: Sendable {
    /// Takes the life of an answer that has ended. Must return soon: the answer's client waits.
    func ended(_ life: AnswerLife, _ caller: Caller)
}
