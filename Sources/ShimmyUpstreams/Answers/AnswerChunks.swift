package import ShimmyChat
package import ShimmyJSON

/// Reads the events of one response as the events of an answer. A pure state machine: it does no input or output.
package protocol AnswerChunks: Sendable {
    /// Whether the stream has come to its end, so that nothing may follow.
    var isDone: Bool { get }
    /// The token counts so far; nil before the upstream reports any.
    var usage: Usage? { get }
    /// The upstream's `system_fingerprint`, if it has the form that clients expect; nil otherwise.
    var fingerprint: String? { get }

    /// Reads an event. Throws `UpstreamFailure` if it reports an error or does not follow the upstream's API.
    mutating func push(_ json: JSON) throws -> [AnswerEvent]

    /// Ends the stream at its mark (`[DONE]`), or at the end of the response. Throws `UpstreamFailure` if the answer is not complete.
    /// - isMarked: whether the stream has its mark, or the response has reached the end that its head or its last chunk gives.
    mutating func end(isMarked: Bool) throws -> [AnswerEvent]
}

extension AnswerChunks {
    // Only completions have one.
    package var fingerprint: String? { nil }
}
