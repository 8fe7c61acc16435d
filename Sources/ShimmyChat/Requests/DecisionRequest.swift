/// A request to choose between given labels, for one or several questions about the same conversation.
package struct DecisionRequest: Sendable, Equatable {
    package struct Question: Sendable, Equatable {
        /// The text that follows the last message; nil if the conversation is complete without it.
        package var text: String?
        /// The possible answers, at least two, all different.
        package var labels: [String]
        /// The text that the model writes before its answer, unless the prompt ends with a line break.
        package var lead: String

        package init(text: String?, labels: [String], lead: String = "") {
            self.text = text
            self.labels = labels
            self.lead = lead
        }
    }

    /// The conversation. Its last message is the user's if a question has a text.
    package var conversation: Conversation
    package var questions: [Question]

    package init(conversation: Conversation, questions: [Question]) {
        self.conversation = conversation
        self.questions = questions
    }
}

package struct DecisionResult: Sendable, Equatable {
    /// For each question, the probability of each label. The probabilities of a question add up to 1.
    package var probabilities: [[Double]]
    /// The token counts. Tokens that all questions share count once.
    package var usage: Usage

    package init(probabilities: [[Double]], usage: Usage) {
        self.probabilities = probabilities
        self.usage = usage
    }
}
