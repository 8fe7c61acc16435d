package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/decisions` and `POST /v1/systemone`.
package struct DecisionsRequest: Sendable, Equatable {
    /// The form of the request and its response: OpenAI's, or that of System One.
    enum Dialect: Sendable { case openAI, systemOne }

    package let model: String
    package let decision: DecisionRequest
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package let keepAlive: KeepAlive?
    package let ignoredParameters: ReportedNames
    let questions: [DecisionQuestion]
    let dialect: Dialect

    /// Decodes the request in OpenAI's form.
    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        let ignored = try Compatibility.decisions.check(fields.object)
        try SharedFields.checkEndUser(fields, "safety_identifier")
        self.init(
            .openAI, model: try fields.requiredString("model"), try DecisionInput.conversation(fields),
            try DecisionQuestionDecoder.questions(fields), try SharedFields.keepAlive(fields), ignored)
    }

    init(
        _ dialect: Dialect, model: String, _ conversation: Conversation, _ questions: [DecisionQuestion], _ keepAlive: KeepAlive?,
        _ ignored: ReportedNames
    ) {
        self.dialect = dialect
        self.model = model
        self.questions = questions
        self.keepAlive = keepAlive
        decision = DecisionRequest(conversation: conversation, questions: questions.map(\.question))
        ignoredParameters = ignored
    }

    /// Returns the error for a request that the model's backend refused.
    package func error(_ error: GenerationError) -> APIError {
        if case .badLabel(let index, let label, let reason) = error, questions.indices.contains(index) {
            let path = "\(questions[index].path(ofOption: label))"
            return APIError(status: 400, message: "Invalid '\(path)': \(reason).", param: path, code: "invalid_value")
        }
        return APIError(error, input: dialect == .openAI ? "input" : "state")
    }

    package func response(_ result: DecisionResult) -> JSON {
        switch dialect {
        case .openAI: DecisionEncoder.openAI(questions, result, model: model)
        case .systemOne: DecisionEncoder.systemOne(questions, result, model: model)
        }
    }
}
