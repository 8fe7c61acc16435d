/// A failure of the template, or its refusal of the conversation. The description is the template's own message.
package struct ChatTemplateError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A model's chat template. Immutable; any thread may render with it.
package protocol ChatTemplate: Sendable {
    /// The template's source in Jinja.
    var source: String { get }

    /// Renders the conversation.
    /// - schemas: the schemas that calls and the answer must match. See `HeldSchemas`.
    func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt
}

extension ChatTemplate {
    /// Renders the conversation and enforces all its schemas. Also throws `ChatTemplateError` for a schema that cannot be enforced.
    package func render(_ conversation: Conversation) throws(ChatTemplateError) -> RenderedPrompt {
        do {
            return try render(conversation, holding: HeldSchemas(conversation))
        } catch let error as ChatTemplateError {
            throw error
        } catch {
            throw ChatTemplateError("\(error)")
        }
    }
}
