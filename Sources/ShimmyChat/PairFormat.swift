package import ShimmyCore

/// How a question and a document become one text for a model that judges the two.
package enum PairFormat: Sendable, Equatable {
    /// A text with `{query}` and `{document}` in it: of models that chat, and were taught to judge in a chat.
    case template(String)
    /// Tokens around the two: before the first, after each of them, and another one between them. Nil where the model has none there.
    case marks(beginning: Token?, ending: Token?, separator: Token?)
}

/// A question that is asked of many documents.
struct PairedQuestion {
    private enum Form {
        /// The template's text around the places of the document, and within that around the places of the question.
        case text([[String]], question: String)
        case tokens(before: [Token], after: [Token])
    }

    private let vocabulary: any Vocabulary
    private let form: Form

    init(_ question: String, vocabulary: any Vocabulary) {
        self.vocabulary = vocabulary
        switch vocabulary.pairFormat {
        case .template(let template):
            // Cut first, then filled in: what stands in a question or a document is never taken for a place.
            let parts = template.split(separator: "{document}", omittingEmptySubsequences: false).map { part in
                part.split(separator: "{query}", omittingEmptySubsequences: false).map { String($0) }
            }
            form = .text(parts, question: question)
        case .marks(let beginning, let ending, let separator):
            var before = vocabulary.tokenize(question, addSpecial: false, parseSpecial: false)
            if let beginning { before.insert(beginning, at: 0) }
            if let ending { before.append(ending) }
            if let separator { before.append(separator) }
            form = .tokens(before: before, after: ending.map { [$0] } ?? [])
        }
    }

    func tokens(with document: String) -> [Token] {
        switch form {
        case .text(let parts, let question): vocabulary.tokenize(Self.prompt(parts, question, document), addSpecial: false)
        case .tokens(let before, let after): before + vocabulary.tokenize(document, addSpecial: false, parseSpecial: false) + after
        }
    }

    /// Control tokens are read in the template's text alone.
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
