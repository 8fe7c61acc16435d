package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The response format of one answer: the chunks of a stream, or one object that is collected until the answer is complete. Used by one task.
package protocol AnswerDialect: Sendable {
    /// Returns the chunks to send before anything is computed. They show the client at once that the server accepted its request.
    func firstChunks() -> [JSON]

    /// Returns a chunk with the tokens of a choice's prompt and their log probabilities; nil if the format has no such chunk.
    mutating func chunk(_ prompt: [PromptToken], choice: Int) -> JSON?

    /// Returns the chunk for a part of the answer; nil if there is nothing to send yet.
    mutating func chunk(_ delta: AnswerDelta, choice: Int) -> JSON?

    func lastChunk(_ reason: FinishReason, choice: Int) -> JSON

    /// Returns the chunk with the token usage; nil unless the request asked for it, because clients that read `choices[0]` of every chunk fail on
    /// this one.
    func usageChunk(_ usage: Usage) -> JSON?

    mutating func keep(_ prompt: [PromptToken], choice: Int)

    /// Collects a part of an answer that is not streamed.
    mutating func keep(_ delta: AnswerDelta, choice: Int)

    /// Returns the complete answer.
    /// - reasons: one for each choice.
    func whole(_ reasons: [FinishReason], usage: Usage) -> JSON
}

extension AnswerDialect {
    package mutating func chunk(_ prompt: [PromptToken], choice: Int) -> JSON? { nil }
    package mutating func keep(_ prompt: [PromptToken], choice: Int) {}
}

/// The response format of chat completions.
package struct ChatDialect: AnswerDialect {
    private let encoder: ChatCompletionEncoder
    private var dialects: [MessageDialect]
    private var messages: [AnswerMessage]
    private let keepsChunks: Bool

    /// - keepsChunks: whether a streamed answer is also collected, so that `whole` can return it.
    package init(encoder: ChatCompletionEncoder, calls: CallDialect, choices: Int, keepsChunks: Bool = false) {
        self.encoder = encoder
        self.keepsChunks = keepsChunks
        dialects = (0..<choices).map { _ in MessageDialect(calls) }
        messages = dialects.map { _ in AnswerMessage() }
    }

    package func firstChunks() -> [JSON] { messages.indices.map { encoder.firstChunk(choice: $0) } }

    package mutating func chunk(_ delta: AnswerDelta, choice: Int) -> JSON? {
        guard let delta = dialects[choice].map(delta) else { return nil }
        if keepsChunks { messages[choice].append(delta) }
        return encoder.chunk(delta, choice: choice)
    }

    package func lastChunk(_ reason: FinishReason, choice: Int) -> JSON { encoder.lastChunk(reason, choice: choice) }
    package func usageChunk(_ usage: Usage) -> JSON? { encoder.usageChunk(usage) }

    package mutating func keep(_ delta: AnswerDelta, choice: Int) {
        if let delta = dialects[choice].map(delta) { messages[choice].append(delta) }
    }

    package func whole(_ reasons: [FinishReason], usage: Usage) -> JSON {
        encoder.whole(choices: zip(messages, reasons).map { (message: $0, reason: $1) }, usage: usage)
    }
}
