package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// How one answer is told to its client: as the chunks of a stream, or kept until it is whole. Used by one task.
package protocol AnswerDialect: Sendable {
    /// Before anything is computed: the client sees at once that it was heard.
    func firstChunks() -> [JSON]

    /// A choice's prompt with its log probabilities.
    mutating func chunk(_ prompt: [PromptToken], choice: Int) -> JSON?

    /// Nil when there is nothing to tell yet.
    mutating func chunk(_ delta: AnswerDelta, choice: Int) -> JSON?

    func lastChunk(_ reason: FinishReason, choice: Int) -> JSON

    /// Nil unless the request asked for it: clients that read `choices[0]` of every chunk fail on this one.
    func usageChunk(_ usage: Usage) -> JSON?

    mutating func keep(_ prompt: [PromptToken], choice: Int)

    /// Takes a part of an answer that is told as a whole.
    mutating func keep(_ delta: AnswerDelta, choice: Int)

    /// - reasons: one for each choice.
    func whole(_ reasons: [FinishReason], usage: Usage) -> JSON
}

extension AnswerDialect {
    package mutating func chunk(_ prompt: [PromptToken], choice: Int) -> JSON? { nil }
    package mutating func keep(_ prompt: [PromptToken], choice: Int) {}
}

/// Chat completions.
package struct ChatDialect: AnswerDialect {
    private let encoder: ChatCompletionEncoder
    private var dialects: [MessageDialect]
    private var messages: [AnswerMessage]
    private let keepsChunks: Bool

    /// - keepsChunks: whether a stream's answer can be told as a whole, too.
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
