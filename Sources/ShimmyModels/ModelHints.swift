package import ShimmyJSON

/// Settings from the program that owns a model: Ollama's parameters, system prompt and messages, in Shimmy's terms.
package struct ModelHints: Sendable, Equatable {
    /// Values for the fields that a chat request does not set.
    package var defaults = JSONObject()
    package var system = ""
    /// Messages that precede a conversation's own messages.
    package var messages: [Message] = []
    /// The context length in tokens; nil if the program does not set one.
    package var contextLength: Int?
    /// Whether the program stores a chat template in a different format. Shimmy does not use it, because the model was trained with the template
    /// in its own file.
    package var hasForeignTemplate = false

    package struct Message: Sendable, Equatable {
        package let role: String
        package let content: String
    }
}
