package import ShimmyJSON

/// The level of support for one field or endpoint of OpenAI's API.
package enum Support: Sendable, Equatable {
    /// Supported as OpenAI documents it.
    case supported
    /// Supported with a difference, which the text describes.
    case partial(String)
    /// Refused with a 400 and `unsupported_parameter`, because ignoring the field would change the answer's meaning. The neutral values are accepted.
    case refused(neutral: [JSON])
    /// Accepted without effect and named in the header `x-shimmy-ignored-params`. The neutral values are not reported.
    case ignored(neutral: [JSON])
    /// Not supported: the endpoint returns a 404, or the field never appears.
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

/// One row of the matrix: a field, and the test that proves its level of support.
package struct FieldRow: Sendable {
    /// The field's path without indices, such as `messages[].role`.
    package let field: String
    package let support: Support
    /// The function name of a test; required for fields that are supported or partial, otherwise nil.
    package let test: String?
    /// Whether the field is a parameter of the URL's query although the request has a body. The fields of a `GET` request always are.
    let isInQuery: Bool

    init(_ field: String, _ support: Support, _ test: String? = nil, isInQuery: Bool = false) {
        self.field = field
        self.support = support
        self.test = test
        self.isInQuery = isInQuery
    }
}

/// One endpoint with the fields of its request and of its response.
package struct EndpointRow: Sendable {
    package let method: String
    /// The path after the prefix of the API (`API.prefix`), as in the API's specification, such as `/models/{model}`.
    package let path: String
    package let support: Support
    package let test: String?
    package let request: [FieldRow]
    package let response: [FieldRow]
    let media: EndpointMedia
    /// Whether the response is an array if the request asks for several answers.
    let mayBeList: Bool
    private let tree: FieldTree

    init(
        _ method: String, _ path: String, _ support: Support, _ test: String? = nil, request: [FieldRow] = [], response: [FieldRow] = [],
        media: EndpointMedia = .json, mayBeList: Bool = false
    ) {
        self.method = method
        self.path = path
        self.support = support
        self.test = test
        self.request = request
        self.response = response
        self.media = media
        self.mayBeList = mayBeList
        tree = FieldTree(request)
    }

    /// Returns the support of a top-level field of the request; nil if the matrix does not list the field.
    func support(ofField name: String) -> Support? { tree.children[name]?.support }

    /// Throws a 400 for a field that cannot be ignored without changing the answer's meaning. Returns the fields without effect, in the request's
    /// order.
    func check(_ object: JSONObject) throws(APIError) -> ReportedNames {
        var ignored = ReportedNames()
        try tree.check(object, &ignored)
        return ignored
    }
}

/// The compatibility matrix: the only definition of what is supported. The server checks requests against it, `shimmy compat` prints it, and tests
/// compare it with the routes, the decoder and the tests that it names.
package enum Compatibility {
    package static let endpoints: [EndpointRow] =
        [chatCompletions, completions, createResponse, responseSocket, countInputTokens, compact, embeddings, rerank, decisions, moderations]
        + media + [listModels, retrieveModel] + storedResponses + storedChats + conversations + absentEndpoints

    /// Returns the row of a field that names the end user.
    static func endUser(_ field: String) -> FieldRow {
        FieldRow(field, .partial("the server counts usage by it; the answer does not depend on it"), "test_a_request_names_its_user")
    }

    package static func endpoint(_ method: String, _ path: String) -> EndpointRow? {
        endpoints.first { $0.method == method && $0.path == path }
    }
}
