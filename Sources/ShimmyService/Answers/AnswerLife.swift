package import ShimmyAPI
package import ShimmyChat
package import ShimmyCore

/// The life of one answer, for logs, metrics and accounts.
package struct AnswerLife: Sendable {
    package enum Outcome: Sendable {
        case completed
        /// The client left, or another request cancelled the answer.
        case cancelled
        case failed(APIError)
    }

    /// The operation, with the names of OpenTelemetry's conventions.
    package enum Operation: String, Sendable {
        case chat
        case textCompletion = "text_completion"
        /// The rating of given answers, which generates nothing.
        case decision
    }

    /// The id of the model's record.
    package let model: String
    package let operation: Operation
    /// The time at which the engine began to compute the prompt; nil before, and for models without an engine.
    package internal(set) var begun: ContinuousClock.Instant?
    /// The time at which the first part of the answer was ready; nil before.
    package internal(set) var firstPart: ContinuousClock.Instant?
    /// The time of the end; nil before.
    package internal(set) var ended: ContinuousClock.Instant?
    /// The token counts; nil if the model did not finish. An answer that cannot be stored as required has failed, but has counts.
    package internal(set) var usage: Usage?
    /// The token counts of the prompt; nil before it is computed. They are known even if the model does not finish.
    package internal(set) var prompt: Usage?
    /// The reason why the last choice ended; nil before.
    package internal(set) var finish: FinishReason?
    /// The number of parts that were ready: at least one token each, and often exactly one.
    package internal(set) var parts = 0
    /// The parts of the answer without the requested form. See `AnswerReport.unfit`.
    package internal(set) var unfit: [String] = []
    package internal(set) var outcome = Outcome.cancelled

    init(model: String, operation: Operation) {
        self.model = model
        self.operation = operation
    }

    mutating func take(_ fact: AnswerFact) {
        switch fact {
        case .begun(let time): begun = begun ?? time
        case .promptComputed(let usage): prompt = prompt ?? usage
        case .unfit(let parts): unfit += parts
        case .generated, .tokens, .stopped: break
        }
    }

    /// The code of the error that ended the answer; nil for none.
    package var errorCode: String? {
        guard case .failed(let error) = outcome else { return nil }
        return error.code ?? error.type
    }

    /// The end of the answer in a word, for logs and metrics.
    package var end: RequestEnd {
        switch outcome {
        case .completed: finish.map { RequestEnd($0) } ?? .stop
        case .cancelled: .disconnect
        case .failed: .error
        }
    }
}

/// Receives the life of each answer, once the answer has ended. It does not see compactions, and no answer that could not begin.
package protocol AnswerObserver: Sendable {
    /// Takes the life of an answer that has ended. Must return soon: the answer's client waits.
    func ended(_ life: AnswerLife, _ caller: Caller)
}
