package import ShimmyChat
package import ShimmyJSON

/// The request for decisions that a server sends to the process that runs its model. The server has checked what it contains.
package struct EngineDecisionRequest: Sendable, Equatable {
    package let model: String
    package let decision: DecisionRequest

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.requiredString("model")
        var ignored = ReportedNames()
        let messages = try ChatMessageDecoder.decode(fields, &ignored)
        let given = try fields.objects("questions")
        if given.isEmpty { throw .emptyArray(fields.path(to: "questions")) }
        var questions: [DecisionRequest.Question] = []
        for (index, value) in given.enumerated() {
            let question = try fields.element(value, of: "questions", at: index)
            let labels = try FieldReader.strings(in: try question.required("labels"), at: question.path(to: "labels"))
            if labels.isEmpty { throw .emptyArray(question.path(to: "labels")) }
            questions.append(DecisionRequest.Question(text: try question.string("text"), labels: labels, lead: try question.string("lead") ?? ""))
        }
        decision = DecisionRequest(conversation: Conversation(messages: messages), questions: questions)
    }
}
