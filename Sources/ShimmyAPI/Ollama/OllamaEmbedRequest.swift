package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /api/embed`, or of its predecessor `POST /api/embeddings`.
package struct OllamaEmbedRequest: Sendable {
    private enum Route { case embed, embeddings }

    package let model: String
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package let keepAlive: KeepAlive?
    package let ignoredParameters: ReportedNames
    /// The texts to embed; empty for a request that only loads the model.
    package let embedding: EmbeddingRequest
    private let route: Route

    /// The max number of texts, as in OpenAI's API.
    private static let mostInputs = 2048

    /// Decodes a request of `POST /api/embed`.
    package init(embed json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        let inputs = try Self.inputs(fields)
        let dimensions = try fields.integer("dimensions", in: 0...Int64(Int32.max)).map { Int($0) }
        let embedding = EmbeddingRequest(
            inputs: inputs.map { .text($0) }, dimensions: dimensions.flatMap { $0 > 0 ? $0 : nil },
            truncates: try fields.bool("truncate") ?? true)
        try self.init(.embed, fields, OllamaRows.embed, embedding)
    }

    /// Decodes a request of `POST /api/embeddings`.
    package init(embeddings json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        let prompt = try fields.string("prompt") ?? ""
        try self.init(.embeddings, fields, OllamaRows.embeddings, EmbeddingRequest(inputs: prompt.isEmpty ? [] : [.text(prompt)]))
    }

    private init(_ route: Route, _ fields: FieldReader, _ endpoint: EndpointRow, _ embedding: EmbeddingRequest) throws(APIError) {
        ignoredParameters = try endpoint.check(fields.object)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        _ = try fields.nested("options")
        self.embedding = embedding
        self.route = route
    }

    /// Returns the texts of `input`: a string or an array of strings. An empty string means no text.
    private static func inputs(_ fields: FieldReader) throws(APIError) -> [String] {
        guard let value = fields.value("input") else { return [] }
        let path = fields.path(to: "input")
        if let text = value.stringValue { return text.isEmpty ? [] : [text] }
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "a string or an array of strings", got: value) }
        if elements.count > mostInputs { throw .arrayTooLong(path, maximum: mostInputs, got: elements.count) }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            texts.append(text)
        }
        return texts
    }

    /// Returns the error for the client if the model cannot serve the request.
    package func error(_ error: GenerationError) -> APIError { APIError(error, input: route == .embed ? "input" : "prompt") }

    /// Returns the response.
    /// - result: the vectors; nil if the request only loaded the model.
    package func response(_ result: EmbeddingResult?, _ moments: OllamaMoments) -> JSON {
        let vectors = (result?.vectors ?? []).map { JSON.array($0.map(JSON.float)) }
        if route == .embeddings { return ["embedding": vectors.first ?? []] }
        var response: JSONObject = ["model": .string(model), "embeddings": .array(vectors)]
        guard let result else { return .object(response) }
        for (name, value) in moments.total() { response[name] = value }
        response["prompt_eval_count"] = .int(result.promptTokens)
        return .object(response)
    }
}
