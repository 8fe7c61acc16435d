import ShimmyJSON

extension OpenAPIDocument {
    /// A status that any endpoint can answer with an error.
    private struct ErrorStatus {
        let status: Int
        let description: String
        /// Whether only requests with a body get it.
        var needsBody = false
    }

    private static let errorStatuses = [
        ErrorStatus(status: 400, description: "The request is not valid. The error names the field."),
        ErrorStatus(status: 401, description: "The key is missing or wrong."),
        ErrorStatus(status: 403, description: "The Host header, the web page's origin or the role of the key is not allowed."),
        ErrorStatus(status: 404, description: "The model or the object does not exist."),
        ErrorStatus(status: 408, description: "The body took too long to arrive.", needsBody: true),
        ErrorStatus(status: 409, description: "The model or the object is in a state that does not allow this."),
        ErrorStatus(status: 413, description: "The body is too large.", needsBody: true),
        ErrorStatus(status: 415, description: "The type or the encoding of the body is not supported.", needsBody: true),
        ErrorStatus(
            status: 429,
            description: "Too many requests are waiting, or a limit of the key is reached. The header retry-after says when to try again."),
        ErrorStatus(status: 431, description: "The header fields are too large."),
        ErrorStatus(status: 500, description: "The server failed."),
        ErrorStatus(status: 502, description: "The Hugging Face hub failed.", needsBody: true),
        ErrorStatus(status: 503, description: "The server cannot answer now. The header retry-after says when to try again."),
        ErrorStatus(status: 504, description: "The work took too long."),
        ErrorStatus(status: 507, description: "The disk is full."),
    ]

    func responses(_ route: DocumentedRoute) -> JSONObject {
        var responses: JSONObject = [:]
        let isRefused = route.rows.contains { if case .refused = $0.support { true } else { false } }
        if route.isSocket {
            responses["101"] = [
                "description": "The connection is a WebSocket. A message of the type response.create has the fields of POST /v1/responses, too.",
                "x-message-schema": SocketEvent.schema, "x-item-schema": Self.item(route) ?? SchemaForms.object,
            ]
            responses["426"] = ["description": "The request does not ask for a WebSocket, or for another version of it."]
        } else if !isRefused {
            addSuccess(route, to: &responses)
        }
        for error in Self.errorStatuses where (route.hasBody || !error.needsBody) && (route.needsKey || error.status != 401) {
            for status in Self.statuses(of: error, route.apis) where responses["\(status)"] == nil {
                // The response to HEAD has no body.
                responses["\(status)"] =
                    route.method == "HEAD"
                    ? ["description": .string(error.description)]
                    : ["$ref": .string("#/components/responses/\(Self.name(status, route.apis))")]
            }
        }
        return responses
    }

    private func addSuccess(_ route: DocumentedRoute, to responses: inout JSONObject) {
        var success: JSONObject = ["description": "Success", "headers": .object(headerReferences(route))]
        let content = Self.content(route)
        if !content.isEmpty { success["content"] = .object(content) }
        for status in route.rows.first?.media.statuses ?? [200] {
            responses["\(status)"] = status == 304 ? ["description": "The client's version is the current one."] : .object(success)
        }
        if route.isProbe {
            success["description"] = "The server is shutting down."
            responses["503"] = .object(success)
        }
    }

    // MARK: Bodies

    private static func content(_ route: DocumentedRoute) -> JSONObject {
        var content: JSONObject = [:]
        guard let type = route.rows.isEmpty ? "application/json" : route.rows.first?.media.response else { return content }
        guard type == "application/json" else { return [type: ["schema": SchemaForms.string]] }
        let answers = route.rows.map { schema($0.response.filter { !$0.field.contains("(") }, $0.path) }
        let wholes = zip(route.rows, answers).map { row, answer -> JSON in
            row.mayBeList ? ["oneOf": [answer, SchemaForms.list(of: answer)]] : answer
        }
        content[type] = ["schema": any(of: wholes)]
        if let stream = route.streamType { content[stream] = ["x-item-schema": item(route) ?? any(of: answers)] }
        return content
    }

    private static func any(of schemas: [JSON]) -> JSON {
        schemas.count == 1 ? schemas[0] : schemas.isEmpty ? SchemaForms.anything : ["anyOf": .array(schemas)]
    }

    /// Returns the schema of a stream's values; nil if they are like the complete response, or not in the table.
    private static func item(_ route: DocumentedRoute) -> JSON? {
        let mark = "(chunk) "
        let rows = route.rows.flatMap(\.response).filter { $0.field.hasPrefix(mark) }
        if !rows.isEmpty {
            return schema(rows.map { FieldRow(String($0.field.dropFirst(mark.count)), $0.support, $0.test) }, route.rows[0].path)
        }
        let eventMark = "(event) "
        let events = route.rows.flatMap(\.response).filter { $0.field.hasPrefix(eventMark) && $0.isAccepted }
        if events.isEmpty { return nil }
        let names = events.map { JSON.string(String($0.field.dropFirst(eventMark.count))) }
        return ["type": "object", "properties": ["type": ["type": "string", "enum": .array(names)]], "required": ["type"]]
    }

    private static func schema(_ rows: [FieldRow], _ path: String) -> JSON {
        SchemaTree(rows.filter(\.isAccepted)).schema(type: { ResponseSchemas.schema(of: $0, in: path) }, isRequired: { _ in false })
    }

    // MARK: Headers

    var headers: JSONObject {
        var headers: JSONObject = ["x-request-id": ["description": "The id of the request, as in the server's log.", "schema": SchemaForms.string]]
        for name in reportHeaders {
            headers[name] = ["description": "How the answer deviates from the request.", "schema": SchemaForms.string]
        }
        return headers
    }

    private func headerReferences(_ route: DocumentedRoute) -> JSONObject {
        var references: JSONObject = [:]
        for name in headers.keys where name == "x-request-id" || route.hasBody {
            references[name] = ["$ref": .string("#/components/headers/\(name)")]
        }
        return references
    }

    // MARK: Errors

    var errorSchemas: JSONObject {
        var schemas: JSONObject = [:]
        let example = APIError(status: 400, message: "")
        for api in API.allCases { schemas["\(api.rawValue)_error"] = SchemaForms.fitting(api.errors.body(of: example, requestID: "")) }
        return schemas
    }

    /// The responses with errors, for each combination of APIs that a route has.
    var errorResponses: JSONObject {
        var responses: JSONObject = [:]
        for apis in Set(routes.map(\.apis)).sorted(by: { Self.name(0, $0) < Self.name(0, $1) }) {
            let forms = apis.map { api -> JSON in ["$ref": .string("#/components/schemas/\(api.rawValue)_error")] }
            let schema: JSON = forms.count == 1 ? forms[0] : ["anyOf": .array(forms)]
            for error in Self.errorStatuses {
                for status in Self.statuses(of: error, apis) {
                    responses[Self.name(status, apis)] = [
                        "description": .string(error.description), "content": ["application/json": ["schema": schema]],
                    ]
                }
            }
        }
        return responses
    }

    /// Returns the statuses by which the APIs report an error.
    private static func statuses(of error: ErrorStatus, _ apis: [API]) -> [Int] {
        Set(apis.map { $0.errors.status(of: APIError(status: error.status, message: "")) }).sorted()
    }

    private static func name(_ status: Int, _ apis: [API]) -> String { (apis.map(\.rawValue) + ["\(status)"]).joined(separator: "_") }
}
