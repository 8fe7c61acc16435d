import ShimmyChat

/// Gives the events of a stream to the one task that consumes the answer. It checks calls that are passed on at once, and completes token counts.
final class UpstreamAnswer {
    private var stream: AnswerStream
    private var check: AnswerCheck?
    private var estimate: UsageEstimate
    private let rejected: Usage.Rejected
    /// Events that come before those of the stream.
    private var waiting: [AnswerEvent] = []

    /// - opened: the stream, after its beginning.
    static func make(_ opened: OpenedAnswer, report: AnswerReport, _ estimate: UsageEstimate) -> sending Answer {
        let answer = UpstreamAnswer(opened, estimate)
        var report = report
        report.unfit = opened.faults
        report.fingerprint = opened.stream.fingerprint
        return Answer(canceller: opened.stream.canceller, report: report, next: answer.nextEvent)
    }

    private init(_ opened: OpenedAnswer, _ estimate: UsageEstimate) {
        (stream, check) = (opened.stream, opened.check)
        self.estimate = estimate
        rejected = opened.rejected
        if !opened.faults.isEmpty { waiting = [.fact(choice: 0, .unfit(opened.faults))] }
    }

    private func nextEvent() async throws -> AnswerEvent? {
        if !waiting.isEmpty { return waiting.removeFirst() }
        guard let event = try await stream.next() else { return nil }
        estimate.note(event)
        if let finished = check?.note(event) {
            let faults = try await finished.faults()
            if !faults.isEmpty {
                waiting = [event]
                return .fact(choice: finished.number, .unfit(faults))
            }
        }
        // Most upstreams report the prompt's tokens only at the end.
        if case .fact(let choice, .promptComputed(var usage)) = event {
            if usage.promptTokens == 0 { usage.promptTokens = estimate.promptTokens }
            usage.rejected = rejected
            return .fact(choice: choice, .promptComputed(usage))
        }
        guard case .ended(let usage) = event else { return event }
        var counts = try await estimate.completed(usage, stream.missingCounts)
        counts.rejected = rejected
        return .ended(counts)
    }
}

/// An answer whose first events have arrived.
struct OpenedAnswer: Sendable {
    var stream: AnswerStream
    /// Checks the rest of the answer; nil if nothing remains to be checked.
    var check: AnswerCheck?
    /// The parts of an answer that was read ahead and does not have the requested form.
    var faults: [String] = []
    /// The tokens of an earlier answer that did not have the requested form.
    var rejected = Usage.Rejected()
}
