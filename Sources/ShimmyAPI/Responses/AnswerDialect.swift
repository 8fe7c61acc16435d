package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The form of one answer in an API: turns the answer's events into the values of a stream and into the complete answer. Used by one task.
///
/// Values that a stream does not send, for instance because the client wants the complete answer only, need not be made.
package protocol AnswerDialect: Sendable {
    /// The form in which a stream sends the values.
    static var framing: StreamFraming { get }

    /// Returns the values to send before anything is computed. They show the client at once that the server accepted its request.
    mutating func begin() -> [JSON]

    /// Takes the tokens of a choice's prompt and their log probabilities.
    mutating func push(_ prompt: [PromptToken], choice: Int) -> [JSON]

    /// Takes a part of a choice.
    mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON]

    /// Takes a fact about a choice.
    mutating func push(_ fact: AnswerFact, choice: Int) -> [JSON]

    /// Takes the end of a choice.
    mutating func push(_ reason: FinishReason, choice: Int) -> [JSON]

    /// Completes the answer and returns its last values.
    /// - time: the Unix time in seconds.
    mutating func finish(_ usage: Usage, time: Int) -> [JSON]

    /// Ends the answer with an error and returns its last values.
    mutating func fail(_ error: APIError) -> [JSON]

    /// Ends an answer whose work was stopped, and returns its last values.
    mutating func cancel() -> [JSON]

    /// Marks the answer as not stored, because the storage failed.
    mutating func leaveUnstored()

    /// The complete answer; nil if it did not come to an end that the API can describe.
    var whole: JSON? { get }
}

extension AnswerDialect {
    package mutating func push(_ prompt: [PromptToken], choice: Int) -> [JSON] { [] }
    package mutating func push(_ fact: AnswerFact, choice: Int) -> [JSON] { [] }
    package mutating func leaveUnstored() {}
}
