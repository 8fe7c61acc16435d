package import ShimmyJSON

/// The OpenAPI document of the server, made from its routes and the tables of fields.
///
/// It follows https://spec.openapis.org/oas/v3.1.1.html. Its own extensions: `x-other-paths` and `x-required-role` (of the key) of an operation,
/// `x-refused-fields` of a request, `x-item-schema` of a stream or a WebSocket, which is the schema of one event or line, and `x-message-schema`
/// of a WebSocket, which is the schema of one message of the client.
package struct OpenAPIDocument: Sendable {
    let routes: [DocumentedRoute]
    /// The version of the program.
    let version: String
    /// The names of the response headers that report how an answer deviates from its request.
    let reportHeaders: [String]

    package init(routes: [DocumentedRoute], version: String, reportHeaders: [String]) {
        self.routes = routes
        self.version = version
        self.reportHeaders = reportHeaders
    }

    package var json: JSON {
        var paths: JSONObject = [:]
        for route in routes {
            var item = paths[route.path]?.objectValue ?? [:]
            item[route.method.lowercased()] = operation(route)
            paths[route.path] = .object(item)
        }
        return [
            "openapi": "3.1.1",
            "info": ["title": "Shimmy", "version": .string(version.isEmpty ? "0" : version), "description": .string(Self.description)],
            "servers": [["url": "/"]],
            "tags": .array(tags.map { ["name": .string($0)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(errorSchemas), "responses": .object(errorResponses), "headers": .object(headers),
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"], "x-api-key": ["type": "apiKey", "in": "header", "name": "x-api-key"],
                    "api-key": ["type": "apiKey", "in": "header", "name": "api-key"],
                ],
            ],
        ]
    }

    private static let description = """
        A local server for language models that speaks the APIs of OpenAI, Anthropic and Ollama. A key is needed only if the server was started \
        with keys. Every path with GET also answers HEAD. An explicit null counts as an absent field. Unknown fields are accepted and named in the \
        header x-shimmy-ignored-params.
        """

    private var tags: [String] {
        var tags: [String] = []
        for route in routes where !tags.contains(route.tag) { tags.append(route.tag) }
        return tags
    }

    // MARK: Operations

    private func operation(_ route: DocumentedRoute) -> JSON {
        var operation: JSONObject = ["operationId": .string(route.operationID), "tags": [.string(route.tag)]]
        let notes = route.rows.map(\.support.note).filter { !$0.isEmpty }
        if !notes.isEmpty { operation["description"] = .string(notes.joined(separator: "; ")) }
        let parameters = Self.pathParameters(route) + Self.queryParameters(route) + Self.headerParameters(route)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = Self.requestBody(route) { operation["requestBody"] = body }
        operation["responses"] = .object(responses(route))
        operation["security"] = route.needsKey ? [["bearer": []], ["x-api-key": []], ["api-key": []], [:]] : []
        if route.needsAdmin { operation["x-required-role"] = "admin" }
        if !route.otherPaths.isEmpty { operation["x-other-paths"] = .array(route.otherPaths.map(JSON.string)) }
        return .object(operation)
    }

    // MARK: Parameters

    private static func pathParameters(_ route: DocumentedRoute) -> [JSON] {
        route.path.split(separator: "/").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }.map { component -> JSON in
            let name = String(component.dropFirst().dropLast())
            var schema: JSONObject = ["type": "string", "minLength": 1]
            if name == "digest" { schema["pattern"] = "^sha256[:-][0-9a-fA-F]{64}$" }
            return ["name": .string(name), "in": "path", "required": true, "schema": .object(schema)]
        }
    }

    private static func queryParameters(_ route: DocumentedRoute) -> [JSON] {
        var parameters: [JSON] = []
        var names: Set<String> = []
        for endpoint in route.rows {
            for row in endpoint.request where (route.method == "GET" || row.isInQuery) && names.insert(row.field).inserted && row.isAccepted {
                parameters.append(queryParameter(row, endpoint.path))
            }
        }
        return parameters
    }

    private static func queryParameter(_ row: FieldRow, _ path: String) -> JSON {
        let schema = SchemaTree([FieldRow(row.field, .supported)]).member(row.field) { RequestSchemas.schema(of: $0, in: path) }
        var parameter: JSONObject = ["name": .string(row.field), "in": "query", "schema": schema]
        // Members of an object are given as `name[key]=value`.
        if schema["type"] == "object" { parameter["style"] = "deepObject" }
        if schema["type"] == "object" || schema["type"] == "array" { parameter["explode"] = true }
        if !row.support.note.isEmpty { parameter["description"] = .string(row.support.note) }
        return .object(parameter)
    }

    private static func headerParameters(_ route: DocumentedRoute) -> [JSON] {
        guard route.apis.contains(.anthropic) else { return [] }
        var parameter: JSONObject = ["name": "anthropic-version", "in": "header", "schema": SchemaForms.string, "example": "2023-06-01"]
        if route.apis.count > 1 { parameter["description"] = "If it is present, the response has the form of Anthropic's API." }
        return [.object(parameter)]
    }

    // MARK: Requests

    private static func requestBody(_ route: DocumentedRoute) -> JSON? {
        guard route.hasBody else { return nil }
        guard let endpoint = route.rows.first else { return ["content": ["application/json": ["schema": SchemaForms.object]]] }
        let type = endpoint.media.request
        guard type == "application/json" || type == "multipart/form-data" else {
            return ["required": true, "content": [type: ["schema": ["type": "string", "format": "binary"]]]]
        }
        let (method, path, rows) = (endpoint.method, endpoint.path, endpoint.request.filter { !$0.isInQuery })
        let tree = SchemaTree(rows.filter(\.isAccepted))
        var schema = tree.schema(type: { RequestSchemas.schema(of: $0, in: path) }, isRequired: { RequestSchemas.isRequired($0, method, path) })
        let refused = rows.filter(\.isRefused).map { JSON.string($0.field) }
        if !refused.isEmpty, var object = schema.objectValue {
            object["x-refused-fields"] = .array(refused)
            schema = .object(object)
        }
        // The body of a new conversation may be absent.
        var content: JSONObject = [type: ["schema": schema]]
        if let other = endpoint.media.otherRequest { content[other] = ["schema": schema] }
        return ["required": .bool(schema["required"] != nil), "content": .object(content)]
    }
}

extension DocumentedRoute {
    var tag: String { isOwn ? "Shimmy" : apis.first?.name ?? "Shimmy" }

    /// The operation's id, made of the method and the path without punctuation, such as `post_v1_chat_completions`.
    var operationID: String {
        let words = path.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return ([method.lowercased()] + words.map { $0.lowercased() }).joined(separator: "_")
    }

    /// Whether a request may have a body.
    var hasBody: Bool {
        guard method == "POST" || method == "DELETE" else { return false }
        guard let endpoint = rows.first else { return method == "POST" }
        return endpoint.media.request != "application/json" || endpoint.request.contains { !$0.isInQuery }
    }

    /// The type of the response's stream; nil if the route has none.
    var streamType: String? {
        guard rows.contains(where: { $0.media.mayStream && $0.request.contains { $0.field == "stream" } }) else { return nil }
        return (apis.contains(.ollama) ? StreamFraming.lines : .unnamed).contentType
    }
}

extension FieldRow {
    /// Whether a request may have the field.
    var isAccepted: Bool {
        switch support {
        case .supported, .partial, .ignored: true
        case .refused, .notSupported: false
        }
    }

    var isRefused: Bool {
        if case .refused = support { true } else { false }
    }
}

extension SchemaTree {
    /// Returns the schema of one of the fields.
    func member(_ field: String, type: (String) -> JSON?) -> JSON {
        schema(type: type, isRequired: { _ in false })["properties"]?[field] ?? SchemaForms.anything
    }
}
