import ShimmyCore
import ShimmyJSON

/// A decoder of the questions of OpenAI's API for decisions.
enum DecisionQuestionDecoder {
    static func questions(_ fields: FieldReader) throws(APIError) -> [DecisionQuestion] {
        let path = fields.path(to: "questions")
        _ = try fields.required("questions")
        let elements = try fields.objects("questions", most: InputLimits.standard.questions)
        if elements.isEmpty { throw .emptyArray(path) }
        var questions: [DecisionQuestion] = []
        var names: Set<[UInt8]> = []
        for (index, element) in elements.enumerated() {
            let question = try question(try fields.element(element, of: "questions", at: index))
            if let name = question.name, !names.insert(Array(name.utf8)).inserted { throw repeated(question.path.key("name")) }
            questions.append(question)
        }
        return questions
    }

    /// Returns the error for a name that an earlier question has, because a client finds the answer to a question by its name.
    private static func repeated(_ path: JSONPath) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(path)': an earlier question has the same name.", param: "\(path)", code: "invalid_value")
    }

    private static func question(_ fields: FieldReader) throws(APIError) -> DecisionQuestion {
        let kind = try fields.choice("type", as: DecisionQuestion.Kind.self)
        let name = try fields.string("name")
        let instructions = try text(fields, "instructions")
        switch kind {
        case .predicate:
            return DecisionQuestion(kind, name: name, instructions: instructions, options: [.init(true), .init(false)], path: fields.path)
        case .choice:
            return try question(fields, kind, name, instructions, "choices", "value") { (option: FieldReader) throws(APIError) in
                let value = try option.required("value")
                guard value.stringValue != nil || value.boolValue != nil else {
                    throw APIError.wrongType(option.path(to: "value"), expected: "a string or a boolean", got: value)
                }
                return value
            }
        case .score:
            return try question(fields, kind, name, instructions, "levels", "label") { (option: FieldReader) throws(APIError) in
                .string(try option.requiredString("label"))
            }
        }
    }

    /// Returns a question with a list of options.
    /// - list: the field with the options.
    /// - member: the field of an option with its value.
    private static func question(
        _ fields: FieldReader, _ kind: DecisionQuestion.Kind, _ name: String?, _ instructions: String, _ list: String, _ member: String,
        value: (FieldReader) throws(APIError) -> JSON
    ) throws(APIError) -> DecisionQuestion {
        _ = try fields.required(list)
        var options: [DecisionQuestion.Option] = []
        var paths: [JSONPath] = []
        let most = InputLimits.standard.questionChoices
        for (index, element) in try fields.objects(list, most: most).enumerated() {
            let option = try fields.element(element, of: list, at: index)
            options.append(.init(try value(option), description: try option.string("description")))
            paths.append(option.path(to: member))
        }
        try DecisionQuestion.check(options, paths, at: fields.path(to: list), most: most)
        return DecisionQuestion(kind, name: name, instructions: instructions, options: options, path: fields.path, optionPaths: paths)
    }

    /// Returns a text, or the joined texts of parts.
    private static func text(_ fields: FieldReader, _ name: String) throws(APIError) -> String {
        let value = try fields.required(name)
        if let text = value.stringValue { return text }
        guard let parts = value.arrayValue else {
            throw .wrongType(fields.path(to: name), expected: "a string or an array of objects", got: value)
        }
        if parts.isEmpty { throw .emptyArray(fields.path(to: name)) }
        var texts: [String] = []
        for (index, element) in parts.enumerated() {
            let part = try fields.element(element, of: name, at: index)
            let type = try part.requiredString("type")
            switch type {
            case "input_text": texts.append(try part.requiredString("text"))
            case "input_json": texts.append(try DecisionInput.jsonText(part))
            case "input_image": throw .unsupportedValue(part.path(to: "type"), type, supported: ["input_text", "input_json"])
            default: throw .invalidValue(part.path(to: "type"), type, supported: ["input_text", "input_json"])
            }
        }
        return texts.joined(separator: "\n")
    }
}
