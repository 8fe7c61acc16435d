/// The parsed parts of an answer, independent of the model's format.
package struct AnswerContent: Sendable, Equatable {
    package struct Call: Sendable, Equatable {
        package var name: String
        /// JSON, possibly incomplete.
        package var arguments: String
        /// The call's ID; empty if the format has none.
        package var id: String

        package init(name: String, arguments: String, id: String = "") {
            self.name = name
            self.arguments = arguments
            self.id = id
        }
    }

    package var content = ""
    package var reasoning = ""
    package var calls: [Call] = []

    package init(content: String = "", reasoning: String = "", calls: [Call] = []) {
        self.content = content
        self.reasoning = reasoning
        self.calls = calls
    }
}

/// A parser for the answers of one model family. Immutable; any thread may use it.
package protocol AnswerFormat: Sendable {
    /// Parses an answer.
    /// - isPartial: whether `text` is only the start of an answer.
    /// Throws if `text` does not have the format.
    func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent
}

/// An addition to an answer. Strings are never empty; a call without arguments has the arguments `{}`.
package enum AnswerDelta: Sendable, Equatable {
    /// Text, and the probabilities of the tokens that end in it if the request asked for them.
    case content(String, [TokenProbability] = [])
    case reasoning(String)
    /// A new call; the calls before it are complete. The ID is nil if the format has none.
    case call(index: Int, id: String?, name: String)
    case arguments(index: Int, String)
}
