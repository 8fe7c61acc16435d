package import ShimmyJSON

/// What Shimmy does with one field or endpoint of OpenAI's API.
package enum Support: Sendable, Equatable {
    /// As OpenAI documents it.
    case supported
    /// Supported with a difference, which the text says.
    case partial(String)
    /// A 400 with `unsupported_parameter`, since ignoring it would change the answer's meaning; the neutral values are accepted.
    case refused(neutral: [JSON])
    /// Accepted without effect and named in the header `x-shimmy-ignored-params`; the neutral values are not worth a mention.
    case ignored(neutral: [JSON])
    /// Not there: an endpoint answers 404, a field never appears.
    case notSupported

    package var word: String {
        switch self {
        case .supported: "supported"
        case .partial: "partial"
        case .refused: "refused"
        case .ignored: "ignored, reported"
        case .notSupported: "not supported"
        }
    }
}

/// One row of the matrix: a field and the test that proves what is said of it.
package struct FieldRow: Sendable {
    /// A path without indices, such as `messages[].role`.
    package let field: String
    package let support: Support
    /// The function name of a test; required for what is supported or partial.
    package let test: String?

    init(_ field: String, _ support: Support, _ test: String? = nil) {
        self.field = field
        self.support = support
        self.test = test
    }
}

/// One endpoint with the fields of its request and of its response.
package struct EndpointRow: Sendable {
    package let method: String
    /// As in OpenAI's specification, or another one that is followed, such as `/models/{model}`; `/v1` goes before it.
    package let path: String
    package let support: Support
    package let test: String?
    package let request: [FieldRow]
    package let response: [FieldRow]
    private let tree: FieldTree

    init(_ method: String, _ path: String, _ support: Support, _ test: String? = nil, request: [FieldRow] = [], response: [FieldRow] = []) {
        self.method = method
        self.path = path
        self.support = support
        self.test = test
        self.request = request
        self.response = response
        tree = FieldTree(request)
    }

    /// The fields at the top of the request, by name.
    func support(ofField name: String) -> Support? { tree.children[name]?.support }

    /// Refuses what would change the answer's meaning; returns the fields that have no effect, in the order of the request.
    func check(_ object: JSONObject) throws(APIError) -> ReportedNames {
        var ignored = ReportedNames()
        try tree.check(object, &ignored)
        return ignored
    }
}

/// The compatibility matrix: the one place that says what is supported. Requests are checked against it, `shimmy compat` prints it,
/// and tests hold it against the routes, the decoder and the tests that it names.
package enum Compatibility {
    package static let endpoints: [EndpointRow] =
        [chatCompletions, completions, createResponse, countInputTokens, compact, embeddings, rerank, listModels, retrieveModel]
        + storedResponses + storedChats + conversations + absentEndpoints

    package static func endpoint(_ method: String, _ path: String) -> EndpointRow? {
        endpoints.first { $0.method == method && $0.path == path }
    }
}
