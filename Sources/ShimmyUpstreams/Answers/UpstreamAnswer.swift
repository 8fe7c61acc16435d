import ShimmyChat

/// Gives the events of a stream to the one task that consumes the answer.
final class UpstreamAnswer {
    private var stream: AnswerStream

    static func make(_ stream: AnswerStream, report: AnswerReport) -> sending Answer {
        let answer = UpstreamAnswer(stream)
        return Answer(canceller: stream.canceller, report: report, next: answer.nextEvent)
    }

    private init(_ stream: AnswerStream) { self.stream = stream }

    private func nextEvent() async throws -> AnswerEvent? { try await stream.next() }
}
