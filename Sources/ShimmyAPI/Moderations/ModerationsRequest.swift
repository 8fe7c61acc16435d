package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/moderations`.
package struct ModerationsRequest: Sendable, Equatable {
    /// The name of the model; nil for the server's own choice.
    package let model: String?
    /// The texts to rate, each of which gets a result.
    package let texts: [String]
    /// The paths of the texts in the request.
    private let paths: [String]
    package let keepAlive: KeepAlive?
    package let ignoredParameters: ReportedNames

    /// The score from which on a category is flagged.
    private static let threshold = 0.5

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.moderations.check(fields.object)
        model = try fields.string("model")
        keepAlive = try SharedFields.keepAlive(fields)
        let path = fields.path(to: "input")
        let value = try fields.required("input")
        if let text = value.stringValue {
            (self.texts, self.paths) = ([text], ["\(path)"])
            return
        }
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "a string or an array", got: value) }
        guard let first = elements.first else { throw .emptyArray(path) }
        let most = InputLimits.standard.moderatedTexts
        if elements.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
        if first.objectValue != nil {
            (self.texts, self.paths) = ([try Self.joined(elements, fields)], ["\(path)"])
            return
        }
        texts = try FieldReader.strings(in: value, at: path)
        paths = texts.indices.map { "\(path.index($0))" }
    }

    /// Returns the text of parts, which get one result together.
    private static func joined(_ elements: [JSON], _ fields: FieldReader) throws(APIError) -> String {
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            let part = try fields.element(element, of: "input", at: index)
            let type = try part.requiredString("type")
            switch type {
            case "text": texts.append(try part.requiredString("text"))
            case "image_url": throw .unsupportedValue(part.path(to: "type"), type, supported: ["text"])
            default: throw .invalidValue(part.path(to: "type"), type, supported: ["text"])
            }
        }
        return texts.joined(separator: "\n")
    }

    /// Whether a name is one of OpenAI's own models, for which the server's moderation model answers.
    package static func isOpenAIs(_ name: String) -> Bool { name.hasPrefix("omni-moderation-") || name.hasPrefix("text-moderation-") }

    /// Returns the path of a text in the request, for errors.
    package func path(ofText index: Int) -> String { paths.indices.contains(index) ? paths[index] : "input" }

    /// Returns the response.
    /// - model: the name that the response has if the request has none.
    /// - scores: for each text, the score of each category.
    package func response(_ scores: [[Double]], model: String) -> JSON {
        [
            "id": .string("modr-" + RandomID.make()), "model": .string(self.model ?? model), "results": .array(scores.map(Self.result)),
        ]
    }

    private static func result(_ scores: [Double]) -> JSON {
        var (categories, rated, types) = (JSONObject(), JSONObject(), JSONObject())
        for (category, score) in zip(ModerationCategory.allCases, scores) {
            categories[category.rawValue] = .bool(score >= threshold)
            rated[category.rawValue] = .double(score)
            types[category.rawValue] = ["text"]
        }
        return [
            "flagged": .bool(scores.contains { $0 >= threshold }), "categories": .object(categories), "category_scores": .object(rated),
            "category_applied_input_types": .object(types),
        ]
    }
}
