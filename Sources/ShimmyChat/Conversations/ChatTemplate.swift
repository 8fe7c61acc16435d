/// A conversation as the text on which a model was trained, and a description of its answer.
package struct RenderedPrompt: Sendable {
    package var text: String
    /// Byte offsets of `text`, in increasing order, at which no control token may begin, because the text there comes from the client.
    package var marks: [Int] = []
    /// The names of the changes to the conversation for this template, such as "merged-turns"; empty for none.
    package var normalizations: [String] = []
    /// Schema keywords that the grammar does not enforce. See `AnswerReport`.
    package var unenforced: [String] = []
    /// Stop strings of the template's format, in addition to those of the request.
    package var additionalStops: [String]
    /// The end of `text` that belongs to the answer's format, such as an opening reasoning tag.
    package var generationPrompt: String
    /// The grammar of the answer; nil if it is unconstrained.
    package var grammar: GrammarText?
    /// The texts of control tokens that are part of the answer's format.
    package var preservedTokens: [String]
    /// The tags around reasoning; nil if the template has none.
    package var thinking: ThinkingTags?
    /// The parser of the answer; nil if all of the answer is content.
    package var format: (any AnswerFormat)?

    package init(
        text: String, additionalStops: [String] = [], generationPrompt: String = "", grammar: GrammarText? = nil, preservedTokens: [String] = [],
        thinking: ThinkingTags? = nil, format: (any AnswerFormat)? = nil
    ) {
        self.text = text
        self.additionalStops = additionalStops
        self.generationPrompt = generationPrompt
        self.grammar = grammar
        self.preservedTokens = preservedTokens
        self.thinking = thinking
        self.format = format
    }
}

/// A grammar as text, in llama.cpp's notation (GBNF).
package struct GrammarText: Sendable, Equatable {
    package enum Trigger: Sendable, Equatable {
        /// This text, at any position.
        case word(String)
        /// A match of this regular expression at the start of the answer, or directly after the text `after` if it is not nil.
        case opening(String, after: String? = nil)
    }

    package var text: String
    /// The triggers of the grammar. The answer is unconstrained until one of them matches; empty if the grammar applies from the start.
    package var triggers: [Trigger]

    package init(_ text: String, triggers: [Trigger] = []) {
        self.text = text
        self.triggers = triggers
    }
}

/// The texts around a model's reasoning.
package struct ThinkingTags: Sendable, Equatable {
    /// The opening tag; empty if every answer begins with reasoning.
    package var start: String
    /// The closing tags, at least one. The server uses the first to end the reasoning early.
    package var ends: [String]

    package init(start: String, ends: [String]) {
        self.start = start
        self.ends = ends
    }
}

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
