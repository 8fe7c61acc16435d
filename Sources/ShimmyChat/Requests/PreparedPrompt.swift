package import ShimmyCore

/// A conversation in the form in which the model reads it.
package struct PreparedPrompt: Sendable, Equatable {
    package var text: String
    package var tokens: [Token]
    package var report = AnswerReport()

    package init(text: String, tokens: [Token], report: AnswerReport = AnswerReport()) {
        self.text = text
        self.tokens = tokens
        self.report = report
    }
}
