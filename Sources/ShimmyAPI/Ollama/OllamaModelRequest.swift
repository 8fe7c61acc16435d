package import ShimmyJSON

/// The decoded request of a route of Ollama's API about one model.
package struct OllamaModelRequest: Sendable {
    package let model: String
    package let stream: Bool
    package let ignoredParameters: ReportedNames

    /// Decodes a request of `POST /api/show`.
    package init(show json: JSON, recorder: FieldRecorder? = nil) throws(APIError) { try self.init(json, OllamaRows.show, streams: false, recorder) }

    /// Decodes a request of `POST /api/pull`.
    package init(pull json: JSON, recorder: FieldRecorder? = nil) throws(APIError) { try self.init(json, OllamaRows.pull, streams: true, recorder) }

    /// Decodes a request of `DELETE /api/delete`.
    package init(delete json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        try self.init(json, OllamaRows.delete, streams: false, recorder)
    }

    private init(_ json: JSON, _ endpoint: EndpointRow, streams: Bool, _ recorder: FieldRecorder?) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try endpoint.check(fields.object)
        model = try Self.model(fields)
        stream = streams ? try fields.bool("stream") ?? true : false
    }

    /// Returns `model`, or `name`, which older clients send.
    static func model(_ fields: FieldReader) throws(APIError) -> String {
        let (model, name) = (try fields.string("model"), try fields.string("name"))
        for text in [model, name] { if let text, !text.isEmpty { return text } }
        throw .missing(fields.path(to: "model"))
    }
}

/// The decoded request of `POST /api/copy`.
package struct OllamaCopyRequest: Sendable {
    package let source: String
    package let destination: String
    package let ignoredParameters: ReportedNames

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try OllamaRows.copy.check(fields.object)
        source = try fields.requiredString("source")
        destination = OllamaName.untagged(try fields.requiredString("destination"))
    }
}

/// The decoded request of `POST /api/create`.
package struct OllamaCreateRequest: Sendable {
    package struct Message: Sendable, Equatable {
        package let role: String
        package let content: String
    }

    /// The source of the weights.
    package enum Source: Sendable, Equatable {
        case model(String)
        /// A file that was uploaded before, by its digest.
        case file(digest: String)
    }

    /// The name of the new model.
    package let model: String
    package let source: Source
    package let stream: Bool
    /// The system prompt; empty for the base's.
    package let system: String
    package let messages: [Message]
    /// Ollama's parameters.
    package let parameters: JSONObject
    /// A chat template; empty for the base's.
    package let template: String
    /// Whether the template is one of Ollama's own, if it is not in Jinja.
    package let mayBeOllamas: Bool
    package let license: String?
    package var ignoredParameters: ReportedNames

    private enum Role: String, CaseIterable { case system, user, assistant }

    /// The max number of messages.
    private static let mostMessages = 1000

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try OllamaRows.create.check(fields.object)
        model = OllamaName.untagged(try OllamaModelRequest.model(fields))
        stream = try fields.bool("stream") ?? true
        source = try Self.source(fields)
        system = try fields.string("system") ?? ""
        messages = try Self.messages(fields)
        parameters = try fields.nested("parameters")?.object ?? [:]
        template = try fields.string("template") ?? ""
        mayBeOllamas = OllamaTemplate.isGo(template)
        license = try Self.license(fields)
    }

    private static func source(_ fields: FieldReader) throws(APIError) -> Source {
        let from = try fields.string("from") ?? ""
        let files = try fields.nested("files")?.object ?? [:]
        if !from.isEmpty, files.isEmpty { return .model(from) }
        guard from.isEmpty, let file = files.first(where: { _ in true }) else {
            let what = from.isEmpty ? "neither 'from' nor 'files' was specified" : "'from' and 'files' cannot be used together"
            throw APIError(status: 400, message: "Invalid request: \(what).", param: "from", code: "invalid_value")
        }
        guard files.count == 1, let digest = file.value.stringValue else {
            throw APIError(status: 400, message: "Invalid 'files': it must be one GGUF file and its digest.", param: "files", code: "invalid_value")
        }
        return .file(digest: digest)
    }

    private static func messages(_ fields: FieldReader) throws(APIError) -> [Message] {
        guard let value = fields.value("messages") else { return [] }
        let path = fields.path(to: "messages")
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "an array", got: value) }
        if elements.count > mostMessages { throw .arrayTooLong(path, maximum: mostMessages, got: elements.count) }
        var messages: [Message] = []
        for (index, element) in elements.enumerated() {
            let message = try fields.element(element, of: "messages", at: index)
            messages.append(
                Message(role: try message.choice("role", as: Role.self).rawValue, content: try message.requiredString("content")))
        }
        return messages
    }

    /// Returns `license`: a text, or several.
    private static func license(_ fields: FieldReader) throws(APIError) -> String? {
        guard let value = fields.value("license") else { return nil }
        let texts = value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue)
        guard let texts else { throw .wrongType(fields.path(to: "license"), expected: "a string or an array of strings", got: value) }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    /// Whether the request changes nothing but the name of the weights.
    package var hasNoSettings: Bool { system.isEmpty && messages.isEmpty && parameters.isEmpty && template.isEmpty && license == nil }
}
