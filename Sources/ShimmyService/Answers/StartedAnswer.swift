package import ShimmyAPI
package import ShimmyChat

/// An answer that has begun. It can be read as a stream or as a whole, once.
package struct StartedAnswer: Sendable {
    /// Cancels the answer, or wakes its reader.
    package let canceller: Answer.Canceller
    /// How the answer deviates from the request.
    package var report = AnswerReport()
    /// The number of the oldest items that were dropped because they did not fit.
    package var dropped = 0
    /// The reason why the answer is not stored although it should be; nil otherwise.
    package var obstacle: APIError?
    private let answer: OneConsumer<any RunningAnswer>

    init(_ answer: sending any RunningAnswer, _ canceller: Answer.Canceller) {
        self.answer = OneConsumer(answer)
        self.canceller = canceller
    }

    /// Returns the answer to its only reader. Throws if it was taken before.
    package func take() throws -> any RunningAnswer { try answer.take() }
}
