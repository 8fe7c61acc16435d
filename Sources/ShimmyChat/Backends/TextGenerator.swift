/// A model that answers conversations and continues texts.
package protocol TextGenerator: Sendable {
    /// The maximum length of prompt and answer together, in tokens.
    var contextLength: Int { get }

    /// Renders and tokenizes a conversation without computing anything. Throws `GenerationError`.
    func prepare(_ conversation: Conversation) async throws -> PreparedPrompt

    /// Renders, tokenizes and checks the request, then queues it.
    /// Throws `GenerationError` or `QueueFull` before any work starts.
    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer

    /// Does the same as `generate`, without a template. The choices of the first prompt come first.
    func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer
}

extension TextGenerator {
    /// Generates an answer for the common owner.
    package func generate(_ request: ChatRequest) async throws -> sending Answer { try await generate(request, terms: ServiceTerms()) }
}
