package import ShimmyCore

/// The way in which a query and a document become one text for a reranking model.
package enum PairFormat: Sendable, Equatable {
    /// A text with the placeholders `{query}` and `{document}`, for chat models that are trained to judge relevance in a chat.
    case template(String)
    /// Tokens around the two texts: `beginning` before the first, `ending` after each, and `separator` between them. Nil where the model has no such
    /// token.
    case marks(beginning: Token?, ending: Token?, separator: Token?)
}

/// A query to be paired with many documents.
struct PairedQuestion {
    private enum Form {
        /// The template, split at `{document}`, and each part split at `{query}`.
        case text([[String]], question: String)
        case tokens(before: [Token], after: [Token])
    }

    private let vocabulary: any Vocabulary
    private let form: Form

    init(_ question: String, vocabulary: any Vocabulary, within budget: WorkBudget) throws {
        self.vocabulary = vocabulary
        switch vocabulary.pairFormat {
        case .template(let template):
            // Split first, then fill in, so that placeholders in a query or a document are never replaced.
            let parts = template.split(separator: "{document}", omittingEmptySubsequences: false).map { part in
                part.split(separator: "{query}", omittingEmptySubsequences: false).map { String($0) }
            }
            form = .text(parts, question: question)
        case .marks(let beginning, let ending, let separator):
            var before = try vocabulary.tokenize(question, addSpecial: false, parseSpecial: false, within: budget)
            if let beginning { before.insert(beginning, at: 0) }
            if let ending { before.append(ending) }
            if let separator { before.append(separator) }
            form = .tokens(before: before, after: ending.map { [$0] } ?? [])
        }
    }

    func tokens(with document: String, within budget: WorkBudget) throws -> [Token] {
        switch form {
        case .text(let parts, let question):
            try vocabulary.tokenize(Self.prompt(parts, question, document), addSpecial: false, parseSpecial: true, within: budget)
        case .tokens(let before, let after):
            try before + vocabulary.tokenize(document, addSpecial: false, parseSpecial: false, within: budget) + after
        }
    }

    /// Returns the filled-in template. Only the template's own text can contain control tokens; marks prevent them in the query and the document.
    private static func prompt(_ parts: [[String]], _ question: String, _ document: String) -> RenderedPrompt {
        var prompt = RenderedPrompt(text: "")
        func fill(in text: String) {
            let start = prompt.text.utf8.count
            prompt.marks += start..<(start + text.utf8.count)
            prompt.text += text
        }
        for (index, part) in parts.enumerated() {
            if index > 0 { fill(in: document) }
            for (place, literal) in part.enumerated() {
                if place > 0 { fill(in: question) }
                prompt.text += literal
            }
        }
        return prompt
    }
}
