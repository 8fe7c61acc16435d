import ShimmyCore
package import ShimmyJSON

/// System One's form of the request, which other servers have as `/v1/systemone`.
extension DecisionsRequest {
    /// System One's names of the kinds of questions.
    enum SystemOneKind: String, Sendable, CaseIterable {
        /// A predicate.
        case noul
        case choice, score
    }

    private static let mostLevels = 10

    package init(systemOne json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        let ignored = try OwnRows.systemOne.check(fields.object)
        let model = try fields.requiredString("model")
        let state = try fields.required("state")
        let text: String
        switch state {
        case .string(let given): text = given
        case .object, .array: text = state.text
        default: throw .wrongType(fields.path(to: "state"), expected: "a string, an object or an array", got: state)
        }
        self.init(
            .systemOne, model: model, DecisionInput.conversation(about: text), try Self.questions(fields), try SharedFields.keepAlive(fields),
            ignored)
    }

    private static func questions(_ fields: FieldReader) throws(APIError) -> [DecisionQuestion] {
        let path = fields.path(to: "questions")
        let given = try fields.required("questions")
        guard let members = given.objectValue else { throw .wrongType(path, expected: "an object", got: given) }
        if members.isEmpty {
            throw APIError(status: 400, message: "Invalid '\(path)': it must have at least one question.", param: "\(path)", code: "invalid_value")
        }
        let most = InputLimits.standard.questions
        if members.count > most {
            throw APIError(
                status: 400, message: "Invalid '\(path)': a request can have at most \(most) questions, but has \(members.count).",
                param: "\(path)", code: "invalid_value")
        }
        var questions: [DecisionQuestion] = []
        for (name, value) in members {
            questions.append(try question(name, try FieldReader(value, path: path.key(name))))
        }
        return questions
    }

    private static func question(_ name: String, _ fields: FieldReader) throws(APIError) -> DecisionQuestion {
        let kind = try fields.choice("type", as: SystemOneKind.self)
        let instructions = try fields.requiredString("instructions")
        let place = fields.path(to: "criteria")
        func made(_ kind: DecisionQuestion.Kind, _ options: [DecisionQuestion.Option], _ paths: [JSONPath]) -> DecisionQuestion {
            DecisionQuestion(kind, name: name, instructions: instructions, options: options, path: fields.path, optionPaths: paths)
        }
        switch kind {
        case .noul:
            let criteria = try fields.nested("criteria")
            let (yes, no) = (try criteria?.string("true"), try criteria?.string("false"))
            return made(.predicate, [.init(true, description: yes), .init(false, description: no)], [])
        case .choice:
            guard let criteria = try fields.nested("criteria") else { throw .missing(place) }
            var options: [DecisionQuestion.Option] = []
            for name in criteria.object.keys { options.append(.init(.string(name), description: try criteria.string(name))) }
            let paths = criteria.object.keys.map(criteria.path(to:))
            try DecisionQuestion.check(options, paths, at: place, most: InputLimits.standard.questionChoices)
            return made(.choice, options, paths)
        case .score:
            let value = try fields.required("criteria")
            let options = try FieldReader.strings(in: value, at: place).map { DecisionQuestion.Option(.string($0)) }
            let paths = options.indices.map(place.index)
            try DecisionQuestion.check(options, paths, at: place, most: Self.mostLevels)
            return made(.score, options, paths)
        }
    }
}
