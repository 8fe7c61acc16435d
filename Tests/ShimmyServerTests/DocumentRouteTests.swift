import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyServer
import Testing

/// The OpenAPI document and the page that shows it.
@Suite struct DocumentRouteTests {
    private struct NoModel: Error {}

    private static let table = ShimmyServer.routeTable(
        configuration: ServerConfiguration(), service: ScriptedServer.service([:]), hub: ScriptedServer.hub, library: ScriptedLibrary(),
        contextLength: { _ in nil }, tokenizer: { _ in throw NoModel() })

    private func document() async throws -> JSON { try await ScriptedServer(models: [:]).send("GET", "/openapi.json").json }

    @Test func theDocumentHasEveryRouteAndNoOther() async throws {
        let paths = try #require(try await document()["paths"]?.objectValue)
        var operations: [String] = []
        for (path, item) in paths {
            for (method, _) in try #require(item.objectValue) {
                operations.append("\(method.uppercased()) \(path)")
                #expect(Self.table.methods(forPath: path).contains(method.uppercased()), "\(method) \(path)")
            }
        }
        let routes = Self.table.documentedRoutes
        #expect(Set(operations) == Set(routes.map { "\($0.method) \($0.path)" }))
        #expect(operations.count == routes.count)
    }

    @Test func theDocumentIsCompressedForClientsThatAcceptIt() async throws {
        let server = ScriptedServer(models: [:])
        let packed = try await server.send("GET", "/openapi.json", headers: ["accept-encoding": "br, gzip;q=0.5"])
        #expect(packed.header("content-encoding") == "gzip" && packed.header("vary") == "Accept-Encoding")
        #expect(packed.header("etag")?.hasPrefix("W/") == true)
        let plain = try await server.send("GET", "/openapi.json", headers: ["accept-encoding": "gzip;q=0"])
        #expect(plain.header("content-encoding") == nil && plain.header("vary") == "Accept-Encoding" && plain.json["openapi"] != nil)
        let short = try await server.send("GET", "/health", headers: ["accept-encoding": "gzip"])
        #expect(short.header("content-encoding") == nil && short.header("vary") == nil)
    }

    @Test func theTablesDescribeEveryRoute() {
        let undescribed = Self.table.documentedRoutes.filter { !$0.isDescribed }.map { "\($0.method) \($0.path)" }
        #expect(undescribed == [])
        let served = Set(Self.table.documentedRoutes.flatMap { route in ([route.path] + route.otherPaths).map { "\(route.method) \($0)" } })
        #expect(DocumentedRoute.ownEndpoints.filter { !served.contains($0) } == [])
    }

    @Test(arguments: API.allCases) func everyAcceptedFieldIsInTheDocument(api: API) async throws {
        let document = try await document()
        for endpoint in api.endpoints where endpoint.support != .notSupported {
            let operation = document["paths"]?[api.prefix + endpoint.path]?[endpoint.method.lowercased()]
            let content = operation?["requestBody"]?["content"]
            let body = (content?["application/json"] ?? content?["multipart/form-data"])?["schema"]
            let parameters = operation?["parameters"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
            for row in endpoint.request {
                switch row.support {
                case .supported, .partial, .ignored: break
                case .refused, .notSupported: continue
                }
                let isFound = parameters.contains(row.field) || body.map { Self.has(row.field.split(separator: ".")[...], $0) } ?? false
                #expect(isFound, "\(endpoint.method) \(endpoint.path) \(row.field)")
            }
        }
    }

    /// Returns whether a schema has a field.
    private static func has(_ path: ArraySlice<Substring>, _ schema: JSON) -> Bool {
        guard let component = path.first else { return true }
        let isArray = component.hasSuffix("[]")
        let name = String(isArray ? component.dropLast(2) : component)
        return forms(schema).contains { form in
            guard let member = form["properties"]?[name] else { return false }
            let inner = isArray ? forms(member).compactMap { $0["items"] } : [member]
            return inner.contains { has(path.dropFirst(), $0) }
        }
    }

    private static func forms(_ schema: JSON) -> [JSON] { schema["anyOf"]?.arrayValue ?? [schema] }

    @Test(arguments: ["/completion", "/infill"]) func severalAnswersAreAnArray(path: String) async throws {
        let content = try await document()["paths"]?[path]?["post"]?["responses"]?["200"]?["content"]
        let forms = try #require(content?["application/json"]?["schema"]?["oneOf"]?.arrayValue)
        #expect(forms.count == 2 && forms[0]["properties"]?["content"] != nil)
        #expect(forms.last == ["type": "array", "items": forms[0]])
        #expect(content?["text/event-stream"]?["x-item-schema"] == forms[0])
    }

    @Test(arguments: [("/v1/chat/completions", "openai_503", "503"), ("/v1/messages", "anthropic_529", "529"), ("/api/chat", "ollama_503", "503")])
    func errorsHaveTheFormOfTheirAPI(path: String, name: String, status: String) async throws {
        let document = try await document()
        let response = document["paths"]?[path]?["post"]?["responses"]?[status]
        #expect(response?["$ref"] == .string("#/components/responses/\(name)"))
        let schema = document["components"]?["responses"]?[name]?["content"]?["application/json"]?["schema"]?["$ref"]?.stringValue
        let form = try #require(schema?.split(separator: "/").last.map(String.init))
        #expect(document["components"]?["schemas"]?[form]?["properties"]?["error"] != nil)
    }

    @Test(arguments: [("/v1/chat/completions", "text/event-stream"), ("/api/chat", "application/x-ndjson")])
    func streamsHaveTheirContentType(path: String, type: String) async throws {
        let content = try await document()["paths"]?[path]?["post"]?["responses"]?["200"]?["content"]
        #expect(content?["application/json"]?["schema"] != nil)
        #expect(content?[type]?["x-item-schema"]?["properties"] != nil)
    }

    @Test(arguments: [("/v1/responses", "response.output_text.delta"), ("/v1/messages", "content_block_delta")])
    func streamsNameTheirEvents(path: String, name: String) async throws {
        let content = try await document()["paths"]?[path]?["post"]?["responses"]?["200"]?["content"]
        let names = try #require(content?["text/event-stream"]?["x-item-schema"]?["properties"]?["type"]?["enum"]?.arrayValue)
        #expect(names.contains(.string(name)) && names.contains("error") && !names.contains("citations_delta"))
    }

    @Test func theWebSocketHasTheEventsOfTheStream() async throws {
        let routes = try await document()["paths"]?["/v1/responses"]
        let stream = routes?["post"]?["responses"]?["200"]?["content"]?["text/event-stream"]?["x-item-schema"]?["properties"]?["type"]?["enum"]
        let socket = try #require(routes?["get"]?["responses"]?["101"])
        let names = try #require(socket["x-item-schema"]?["properties"]?["type"]?["enum"]?.arrayValue)
        let streamed = try #require(stream?.arrayValue)
        #expect(names == streamed + ["response.steer.failed"])
        let messages = socket["x-message-schema"]?["properties"]?["type"]?["enum"]
        #expect(messages == ["response.create", "response.steer", "response.processed"])
    }

    @Test(arguments: ["/v1/chat/completions/input_tokens", "/v1/chat/completions/render"]) func countsAreNoStreams(path: String) async throws {
        let content = try await document()["paths"]?[path]?["post"]?["responses"]?["200"]?["content"]?.objectValue
        #expect(content?.keys == ["application/json"])
    }

    // MARK: The page

    @Test(arguments: ["/openapi.json", "/docs", "/docs/style.css", "/docs/script.js"])
    func filesAreSentOnce(path: String) async throws {
        let server = ScriptedServer(models: [:])
        let first = try await server.send("GET", path)
        #expect(first.status == 200)
        #expect(!first.body.isEmpty)
        let tag = try #require(first.header("etag"))
        let again = try await server.send("GET", path, headers: ["if-none-match": "\"other\", W/\(tag)"])
        #expect(again.status == 304)
        #expect(again.body.isEmpty)
        #expect(try await server.send("GET", path, headers: ["if-none-match": "\"other\""]).status == 200)
    }

    @Test func thePageNeedsNothingOfOthersAndNothingInline() async throws {
        let page = try await ScriptedServer(models: [:]).send("GET", "/docs")
        let policy = try #require(page.header("content-security-policy"))
        #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'"))
        #expect(!policy.contains("unsafe"))
        for forbidden in ["://", "<style", "style=", "onclick"] { #expect(!page.body.contains(forbidden), "\(forbidden)") }
        let script = try await ScriptedServer(models: [:]).send("GET", "/docs/script.js").body
        #expect(script.contains("location.hash.length > 1 ?"), "a look-up of an empty ID is a warning in Firefox")
        for forbidden in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "://"] {
            #expect(!script.contains(forbidden), "\(forbidden)")
        }
    }
}
