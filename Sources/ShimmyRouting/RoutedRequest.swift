import ShimmyCore

/// A request to be routed.
package struct RoutedRequest: Sendable {
    package let chunks: PromptChunks
    /// The estimated number of tokens in the prompt.
    package let promptTokens: Int
    /// The estimated number of tokens in the answer.
    package let answerTokens: Int

    /// The bytes of a token of English text, for estimates.
    package static let bytesPerToken = 4
    /// The max number of tokens in an estimate.
    private static let maxTokens = 1 << 32

    package init(chunks: PromptChunks, promptTokens: Int? = nil, answerTokens: Int = 256) {
        self.chunks = chunks
        self.promptTokens = min(max(0, promptTokens ?? chunks.bytes / Self.bytesPerToken), Self.maxTokens)
        self.answerTokens = min(max(0, answerTokens), Self.maxTokens)
    }

    /// Returns the estimated number of tokens in the first chunks.
    func tokens(inChunks count: Int) -> Int {
        let bytes = count.saturated(multipliedBy: chunks.chunkBytes)
        guard bytes < chunks.bytes else { return count > 0 ? promptTokens : 0 }
        return Int(Double(promptTokens) * Double(bytes) / Double(chunks.bytes))
    }
}
