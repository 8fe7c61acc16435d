package import ShimmyAPI
package import ShimmyChat
package import ShimmyEngine

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
    package let owner: Owner
    /// The time at which the request arrived.
    package let arrived: ContinuousClock.Instant
    /// The time at which the first part of the answer was ready; nil before.
    package internal(set) var firstPart: ContinuousClock.Instant?
    /// The time of the end; nil before.
    package internal(set) var ended: ContinuousClock.Instant?
    /// The token counts; nil unless the answer was completed.
    package internal(set) var usage: Usage?
    package internal(set) var outcome = Outcome.cancelled

    init(model: String, owner: Owner, arrived: ContinuousClock.Instant) {
        self.model = model
        self.owner = owner
        self.arrived = arrived
    }
}

/// What wants to know about all answers.
package protocol AnswerObserver: Sendable {
    /// Takes the life of an answer that has ended. Must return soon: the answer's client waits.
    func ended(_ life: AnswerLife, _ caller: Caller)
}
