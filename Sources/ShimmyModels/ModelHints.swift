package import ShimmyJSON

/// What the program that keeps a model says about its use: Ollama's parameters, system prompt and messages, in this program's words.
package struct ModelHints: Sendable, Equatable {
    /// Fields of a chat request, where the request has none.
    package var defaults = JSONObject()
    package var system = ""
    /// Messages that go before a conversation's own.
    package var messages: [Message] = []
    /// Tokens of context.
    package var contextLength: Int?
    /// Whether there is a chat template of another kind, which is not used: the model's own is what it was trained with.
    package var hasForeignTemplate = false

    package struct Message: Sendable, Equatable {
        package let role: String
        package let content: String
    }
}
