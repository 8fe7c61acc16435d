import ShimmyJSON

/// The schemas of the fields of decisions and moderations: parts of `RequestSchemas` and `ResponseSchemas`.
enum DecisionSchemas {
    private typealias Form = SchemaForms

    private static let label: JSON = ["type": "string", "minLength": 1, "maxLength": 256]

    static let requests: [String: JSON] = [
        "/decisions input": Form.either(Form.string, Form.list(of: Form.object, minimum: 1)),
        "questions[].type": Form.words("predicate", "choice", "score"), "questions[].name": Form.string,
        "questions[].instructions": Form.string,
        "questions[].instructions[].type": Form.words("input_text", "input_json"), "questions[].instructions[].text": Form.string,
        "questions[].instructions[].data": Form.either(Form.object, Form.array),
        "questions[].choices[].value": Form.either(label, Form.bool), "questions[].choices[].description": Form.string,
        "questions[].levels[].label": label, "questions[].levels[].description": Form.string,
        "state": Form.either(Form.string, Form.object, Form.array), "/systemone questions": Form.object,
        "/moderations input": Form.either(Form.string, Form.list(of: Form.string, minimum: 1)),
        "/moderations input[].type": Form.words("text"), "/moderations input[].text": Form.string,
    ]

    static let responses: [String: JSON] = [
        "answers[].type": Form.string, "answers[].name": Form.orNull(Form.string), "answers[].probability": Form.number,
        "answers[].choice": Form.either(Form.string, Form.bool), "answers[].score": Form.number, "answers[].confidence": Form.number,
        "answers[].probabilities[].value": Form.either(Form.string, Form.bool, Form.integer),
        "answers[].probabilities[].label": Form.string, "answers[].probabilities[].probability": Form.number,
        "results[].flagged": Form.bool, "results[].categories": Form.object, "results[].category_scores": Form.object,
        "results[].category_applied_input_types": Form.object, "/systemone answers": Form.object,
    ]
}
