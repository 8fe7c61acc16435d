package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// `POST /v1/embeddings`, decoded and checked.
package struct EmbeddingsRequest: Sendable, Equatable {
    package enum Encoding: String, Sendable { case float, base64 }

    package var model: String
    package var embedding: EmbeddingRequest
    package var encoding: Encoding
    /// How long the model stays loaded afterwards; nil leaves that as it is.
    package var keepAlive: KeepAlive?
    package var ignoredParameters: [String]

    /// As OpenAI has it.
    private static let mostInputs = 2048

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.embeddings.check(fields.object)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        let format = try fields.string("encoding_format") ?? "float"
        guard let encoding = Encoding(rawValue: format) else {
            throw .invalidValue(fields.path(to: "encoding_format"), format, supported: ["float", "base64"])
        }
        self.encoding = encoding
        embedding = EmbeddingRequest(
            inputs: try PromptDecoder.prompts(fields, "input", most: Self.mostInputs),
            dimensions: try fields.integer("dimensions", in: 1...Int64(Int32.max)).map { Int($0) })
        for (index, input) in embedding.inputs.enumerated() where input == .text("") {
            let path =
                embedding.inputs.count == 1 && fields.value("input")?.stringValue != nil
                ? fields.path(to: "input") : fields.path(to: "input").index(index)
            throw APIError(
                status: 400, message: "Invalid '\(path)': input cannot be an empty string.", param: "\(path)", code: "invalid_value")
        }
    }
}

/// `POST /v1/rerank`, in the words of Jina and Cohere.
package struct RerankingRequest: Sendable, Equatable {
    package var model: String
    package var rerank: RerankRequest
    /// The best ones that are told; nil for all.
    package var top: Int?
    package var returnsDocuments: Bool

    private static let mostDocuments = 2048

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.requiredString("model")
        let path = fields.path(to: "documents")
        let value = try fields.required("documents")
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "an array", got: value) }
        if elements.isEmpty { throw .emptyArray(path) }
        if elements.count > Self.mostDocuments { throw .arrayTooLong(path, maximum: Self.mostDocuments, got: elements.count) }
        var documents: [String] = []
        for (index, element) in elements.enumerated() {
            // A text, or an object that holds one.
            guard let text = element.stringValue ?? element["text"]?.stringValue else {
                throw .wrongType(path.index(index), expected: "a string", got: element)
            }
            documents.append(text)
        }
        rerank = RerankRequest(query: try fields.requiredString("query"), documents: documents)
        top = try fields.integer("top_n", in: 1...Int64(Int32.max)).map { Int($0) }
        returnsDocuments = try fields.bool("return_documents") ?? false
    }

    package func response(_ result: RerankResult) -> JSON {
        let order = result.scores.indices.sorted { (result.scores[$1], $0) < (result.scores[$0], $1) }
        let results = order.prefix(top ?? order.count).map { index -> JSON in
            var object: JSONObject = ["index": .int(index), "relevance_score": .float(result.scores[index])]
            if returnsDocuments { object["document"] = ["text": .string(rerank.documents[index])] }
            return .object(object)
        }
        return [
            "object": "list", "model": .string(model), "results": .array(results),
            "usage": EmbeddingEncoder.usage(promptTokens: result.promptTokens),
        ]
    }
}
