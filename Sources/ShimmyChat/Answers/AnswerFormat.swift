/// What an answer says, told apart from how its model's format says it.
package struct AnswerContent: Sendable, Equatable {
    package struct Call: Sendable, Equatable {
        package var name: String
        /// JSON, as far as it is known.
        package var arguments: String
        /// Empty where the format has none.
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

/// Reads answers in one model family's format. Immutable: any thread may read with it.
package protocol AnswerFormat: Sendable {
    /// - isPartial: the text is the beginning of an answer.
    /// Throws when the text does not have the format.
    func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent
}

/// Something new in an answer. Strings are never empty, but for the arguments of a call that has none.
package enum AnswerDelta: Sendable, Equatable {
    /// The probabilities of the tokens whose text is complete with it, for a request that asked for them.
    case content(String, [TokenProbability] = [])
    case reasoning(String)
    /// A call begins; the calls before it are complete. The id is nil where the format has none.
    case call(index: Int, id: String?, name: String)
    case arguments(index: Int, String)
}
