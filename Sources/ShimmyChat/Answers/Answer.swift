package import ShimmyCore

package enum AnswerEvent: Sendable, Equatable {
    /// The prompt of a choice, before its other events. Sent only if the request asked for the prompt's log probabilities.
    case prompt(choice: Int, [PromptToken])
    case delta(choice: Int, AnswerDelta)
    /// No news, in response to `Canceller.nudge()`.
    case idle
    case fact(choice: Int, AnswerFact)
    case finished(choice: Int, FinishReason)
    /// The token counts of all choices, after all of them have finished.
    case ended(Usage)
}

/// A fact about a choice that only some dialects report.
package enum AnswerFact: Sendable, Equatable {
    /// The engine began to compute the prompt at this time. Sent before `promptComputed`; only backends with an engine send it.
    case begun(ContinuousClock.Instant)
    /// The prompt is computed. Sent before the first part of the choice. The usage counts no tokens of the answer.
    case promptComputed(Usage)
    /// All tokens of the prompt and the answer. Sent before the end of the choice, and only if the request asked for them.
    case tokens([Token])
    /// The next tokens of the answer. Sent before the parts that contain their text, and only if the request asked for them.
    case generated([Token])
    /// The content ends at this stop string of the request. Sent before the end of the choice.
    case stopped(by: String)
    /// The parts of the choice that do not have the requested form. See `AnswerReport.unfit`.
    case unfit([String])
}

/// All choices of one answer in progress, as parts of messages, wherever they are made. Consumed by one task, that of the request.
///
/// Dropping the answer cancels it.
package final class Answer {
    /// Cancels the answer from any thread, for instance when a client disconnects.
    package let canceller: Canceller
    package let report: AnswerReport
    private let next: () async throws -> AnswerEvent?

    package struct Canceller: Sendable {
        private let onCancel: @Sendable () -> Void
        private let onNudge: @Sendable () -> Void

        /// - onCancel: stops the work on the answer. Called from any thread, and possibly more than once or after the end.
        /// - onNudge: makes the next event `.idle` unless there is other news, whichever choices are running or waiting.
        package init(onCancel: @escaping @Sendable () -> Void, onNudge: @escaping @Sendable () -> Void) {
            self.onCancel = onCancel
            self.onNudge = onNudge
        }

        package func cancel() { onCancel() }
        /// Makes the consumer receive `.idle` unless the answer has ended.
        package func nudge() { onNudge() }
    }

    /// - next: returns the next event; nil after `ended`. Throws `CancellationError`, `EngineError` or another error of the model's side.
    package init(canceller: Canceller, report: AnswerReport = AnswerReport(), next: @escaping () async throws -> AnswerEvent?) {
        self.canceller = canceller
        self.report = report
        self.next = next
    }

    deinit { canceller.cancel() }

    /// Returns the next event; nil after `ended`. Throws `CancellationError` or the reason why the answer failed.
    package func nextEvent() async throws -> AnswerEvent? { try await next() }
}
