/// A conversation as the text that a model was trained on.
package struct RenderedPrompt: Sendable, Equatable {
    package var text: String
    /// Stop strings that the template's format asks for beside the request's own.
    package var additionalStops: [String]

    package init(text: String, additionalStops: [String] = []) {
        self.text = text
        self.additionalStops = additionalStops
    }
}

/// The template refused the conversation or failed; the description is the template's own words.
package struct ChatTemplateError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A model's chat template. Immutable: any thread may render with it.
package protocol ChatTemplate: Sendable {
    func render(_ messages: [ChatMessage]) throws(ChatTemplateError) -> RenderedPrompt
}
