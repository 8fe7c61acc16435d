package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The form of chat completions.
package struct ChatDialect: AnswerDialect {
    /// What a dialect makes of an answer.
    package struct Output: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        /// The chunks of a stream.
        package static let chunks = Output(rawValue: 1)
        /// The complete answer, for a client that does not stream or for the storage.
        package static let whole = Output(rawValue: 2)
    }

    package static let framing = StreamFraming.unnamed

    package private(set) var whole: JSON?
    private let encoder: ChatCompletionEncoder
    private let output: Output
    private var dialects: [MessageDialect]
    private var messages: [AnswerMessage]
    private var reasons: [FinishReason]

    package init(encoder: ChatCompletionEncoder, calls: CallDialect, choices: Int, makes output: Output) {
        self.encoder = encoder
        self.output = output
        dialects = (0..<choices).map { _ in MessageDialect(calls) }
        messages = dialects.map { _ in AnswerMessage() }
        reasons = dialects.map { _ in .stop }
    }

    package func begin() -> [JSON] { chunks { messages.indices.map { encoder.firstChunk(choice: $0) } } }

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        guard let delta = dialects[choice].map(delta) else { return [] }
        if output.contains(.whole) { messages[choice].append(delta) }
        return chunks { [encoder.chunk(delta, choice: choice)] }
    }

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        reasons[choice] = reason
        return chunks { [encoder.lastChunk(reason, choice: choice)] }
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        if output.contains(.whole) {
            whole = encoder.whole(choices: zip(messages, reasons).map { (message: $0, reason: $1) }, usage: usage)
        }
        return chunks { encoder.usageChunk(usage).map { [$0] } ?? [] }
    }

    package mutating func fail(_ error: APIError) -> [JSON] { [error.json] }
    package mutating func cancel() -> [JSON] { [APIError.cancelled.json] }

    private func chunks(_ make: () -> [JSON]) -> [JSON] { output.contains(.chunks) ? make() : [] }
}
