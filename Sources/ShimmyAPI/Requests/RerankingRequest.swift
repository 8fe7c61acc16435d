package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/rerank` and `POST /v2/rerank`, which take the same fields.
package struct RerankingRequest: Sendable, Equatable {
    /// The format of the response: Jina's, or that of version 2 of Cohere's API.
    package enum Dialect: Sendable { case jina, cohere }

    package var model: String
    package var rerank: RerankRequest
    /// The max number of results to return, the best first; nil for all.
    package var top: Int?
    package var returnsDocuments: Bool
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package var keepAlive: KeepAlive?
    package var ignoredParameters: ReportedNames
    private let dialect: Dialect

    private static let mostDocuments = 2048

    package init(_ json: JSON, dialect: Dialect = .jina, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        self.dialect = dialect
        ignoredParameters = try Compatibility.rerank.check(fields.object)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        rerank = RerankRequest(query: try fields.requiredString("query"), documents: try Self.documents(fields))
        top = try fields.integer("top_n", in: 1...Int64(Int32.max)).map { Int($0) }
        returnsDocuments = try fields.bool("return_documents") ?? (dialect == .jina)
    }

    /// Returns the documents. Each one is a text, or an object with a `text`.
    private static func documents(_ fields: FieldReader) throws(APIError) -> [String] {
        let path = fields.path(to: "documents")
        let value = try fields.required("documents")
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "an array", got: value) }
        if elements.isEmpty { throw .emptyArray(path) }
        if elements.count > mostDocuments { throw .arrayTooLong(path, maximum: mostDocuments, got: elements.count) }
        var documents: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.stringValue ?? element["text"]?.stringValue else {
                throw .wrongType(path.index(index), expected: "a string", got: element)
            }
            documents.append(text)
        }
        return documents
    }

    package func response(_ result: RerankResult) -> JSON {
        let results = JSON.array(ranked(result.scores))
        switch dialect {
        case .jina:
            return [
                "object": "list", "model": .string(model), "results": results,
                "usage": EmbeddingEncoder.usage(promptTokens: result.promptTokens),
            ]
        case .cohere:
            return [
                "id": .string("rerank-" + RandomID.make()), "results": results,
                "meta": ["api_version": ["version": "2"], "tokens": ["input_tokens": .int(result.promptTokens)]],
            ]
        }
    }

    /// Returns the results, the best first. Documents with equal scores keep their order.
    private func ranked(_ scores: [Float]) -> [JSON] {
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        return order.prefix(top ?? order.count).map { index -> JSON in
            var object: JSONObject = ["index": .int(index), "relevance_score": .float(scores[index])]
            if returnsDocuments { object["document"] = ["text": .string(rerank.documents[index])] }
            return .object(object)
        }
    }
}
