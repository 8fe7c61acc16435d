/// A conversation as the text that a model was trained on, and what its answer will look like.
package struct RenderedPrompt: Sendable {
    package var text: String
    /// Byte offsets of `text`, in increasing order, at which no control token may begin: a client wrote what looks like one.
    package var marks: [Int] = []
    /// What was changed in the conversation for this template, such as "merged-turns"; empty when nothing was.
    package var normalizations: [String] = []
    /// Keywords of schemas that the grammar does not hold, see `AnswerReport`.
    package var unenforced: [String] = []
    /// Stop strings that the template's format asks for beside the request's own.
    package var additionalStops: [String]
    /// The end of `text` that belongs to the answer's format, such as an opening tag of thinking.
    package var generationPrompt: String
    /// What the answer has to be; nil where it is free.
    package var grammar: GrammarText?
    /// Control tokens that are part of the answer's format, by their texts.
    package var preservedTokens: [String]
    /// How thinking is marked; nil when the template knows none.
    package var thinking: ThinkingTags?
    /// Reads the answer; nil when all of it is content.
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
        /// This text.
        case word(String)
        /// A match of this regular expression, right at the beginning of the answer or right after a text.
        case opening(String, after: String? = nil)
    }

    package var text: String
    /// Everything may be said until one of these is met; empty when the grammar holds from the start.
    package var triggers: [Trigger]

    package init(_ text: String, triggers: [Trigger] = []) {
        self.text = text
        self.triggers = triggers
    }
}

/// The texts around a model's thinking.
package struct ThinkingTags: Sendable, Equatable {
    /// Empty when an answer begins with thinking.
    package var start: String
    /// At least one; the first is what thinking is ended with.
    package var ends: [String]

    package init(start: String, ends: [String]) {
        self.start = start
        self.ends = ends
    }
}

/// The template refused the conversation or failed; the description is the template's own words.
package struct ChatTemplateError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A model's chat template. Immutable: any thread may render with it.
package protocol ChatTemplate: Sendable {
    /// In Jinja.
    var source: String { get }

    /// - schemas: what calls and the answer have to fit, see `HeldSchemas`.
    func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt
}

extension ChatTemplate {
    /// With all that the conversation's schemas say. Throws `ChatTemplateError` for a schema that cannot be held to, too.
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
