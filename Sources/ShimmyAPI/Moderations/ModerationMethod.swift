package import ShimmyChat
import ShimmyJSON

/// The way in which a model rates texts: with its own categories if it is a known guard model, and otherwise with one statement for each of
/// OpenAI's categories.
package struct ModerationMethod: Sendable {
    private let guardQuestions: [GuardModel.Question]?

    /// - template: the model's chat template in Jinja.
    package init(template: String) { guardQuestions = GuardModel(template: template)?.questions }

    /// Returns the requests that rate a text, to be made one after the other.
    package func requests(for text: String) -> [DecisionRequest] {
        guard let guardQuestions else {
            let questions = ModerationCategory.allCases.map { category in
                DecisionQuestion(.predicate, name: nil, instructions: category.statement, options: [.init(true), .init(false)], path: .root).question
            }
            return [DecisionRequest(conversation: DecisionInput.conversation(about: text), questions: questions)]
        }
        return guardQuestions.map { question in
            var conversation = Conversation(messages: [ChatMessage(.user, text)])
            conversation.templateArguments = question.arguments
            let labels = question.verdicts.map(\.label)
            return DecisionRequest(conversation: conversation, questions: [.init(text: nil, labels: labels, lead: question.lead)])
        }
    }

    /// Returns the score of each category, in the order of the categories.
    /// - results: the results of `requests`.
    package func scores(_ results: [DecisionResult]) -> [Double] {
        guard let guardQuestions else { return results.first?.probabilities.map { $0[0] } ?? [] }
        var scores = [ModerationCategory: Double]()
        for (question, result) in zip(guardQuestions, results) {
            var sums = [ModerationCategory: Double]()
            for (verdict, probability) in zip(question.verdicts, result.probabilities.first ?? []) {
                for category in verdict.categories { sums[category, default: 0] += probability }
            }
            // Several questions can concern one category, each with probabilities of its own.
            scores.merge(sums) { max($0, $1) }
        }
        return ModerationCategory.allCases.map { min(1, scores[$0] ?? 0) }
    }
}
