import ShimmyAPI
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// Who may use which route, with which method and from which page.
@Suite struct AccessRouteTests {
    private static let chat = #"{"model":"talker","messages":[{"role":"user","content":"Hi"}]}"#

    private static func server(keys: [String] = [], origins: Set<String> = []) -> ScriptedServer {
        var server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        server.configuration = ServerConfiguration(access: .init(apiKeys: keys.map { APIKey($0) }, allowedOrigins: origins))
        return server
    }

    @Test(arguments: ["/health", "/v1/health", "/ready", "/"]) func openRoutesNeedNoKey(path: String) async throws {
        #expect(try await Self.server(keys: ["k"]).send("GET", path).status == 200)
        #expect(try await Self.server(keys: ["k"]).send("HEAD", path).status == 200)
    }

    @Test(arguments: ["/v1/models", "/models", "/v1/engine", "/engine", "/v1/lora-adapters", "/v1/models/talker", "/v1/responses/resp_1"])
    func otherRoutesNeedAKey(path: String) async throws {
        let server = Self.server(keys: ["k"])
        #expect(try await server.send("GET", path).status == 401)
        #expect(try await server.send("GET", path, headers: ["authorization": "Bearer x"]).status == 401)
        for header in [["authorization": "Bearer k"], ["authorization": "bearer  k"], ["x-api-key": "k"], ["api-key": "k"]] {
            #expect(try await server.send("GET", path, headers: header).status != 401)
        }
    }

    @Test(arguments: ["/v1/models", "/v1/messages", "/api/chat", "/props"]) func oneRightKeySuffices(path: String) async throws {
        let server = Self.server(keys: ["k"])
        let right = [
            ["x-api-key": "k", "authorization": "Bearer x"], ["x-api-key": "x", "authorization": "Bearer k"], ["api-key": "k", "x-api-key": "x"],
        ]
        for headers in right { #expect(try await server.send("GET", path, headers: headers).status != 401) }
        for headers in [[:], ["x-api-key": "x", "authorization": "Bearer y"]] as [[String: String]] {
            let answer = try await server.send("GET", path, headers: headers)
            #expect(answer.status == 401 && answer.header("www-authenticate") == "Bearer")
        }
    }

    @Test func anthropicsRoutesNameTheirHeader() async throws {
        let server = Self.server(keys: ["k"])
        for headers in [[:], ["x-api-key": "x"]] as [[String: String]] {
            let answer = try await server.send("POST", "/v1/messages", "{}", headers: headers)
            #expect(answer.status == 401 && answer.json["error"]?["message"]?.stringValue?.contains("'x-api-key: KEY'") == true)
        }
    }

    @Test func aKeyIsAskedForBeforeAnythingIsRead() async throws {
        let answer = try await Self.server(keys: ["k"]).send("POST", "/v1/chat/completions", "{")
        #expect(answer.status == 401)
        #expect(try await Self.server().send("POST", "/v1/chat/completions", "{").status == 400)
    }

    @Test(arguments: ["/v1/chat/completions", "/v1/models/load", "/models/rescan", "/v1/conversations", "/v1/tokenize", "/v2/rerank"])
    func aForeignPageCausesNothing(path: String) async throws {
        let server = Self.server()
        #expect(try await server.send("POST", path, Self.chat, headers: ["origin": "https://evil.example"]).status == 403)
        #expect(try await server.send("POST", path, Self.chat, headers: ["sec-fetch-site": "cross-site"]).status == 403)
        #expect(try await server.send("DELETE", "/v1/responses/resp_1", headers: ["origin": "https://evil.example"]).status == 403)
    }

    /// Every endpoint with another method than GET. `aWebSocketIsCheckedLikeARequest` tests the one GET with an effect.
    @Test(arguments: API.allCases) func aForeignPageCausesNothingInAnyAPI(api: API) async throws {
        let server = Self.server()
        let endpoints = api.endpoints.filter { $0.support != .notSupported && !["GET", "HEAD"].contains($0.method) }
        #expect(!endpoints.isEmpty)
        for endpoint in endpoints {
            let path = api.prefix + endpoint.path.split(separator: "/").map { $0.hasPrefix("{") ? "/x" : "/\($0)" }.joined()
            for headers in [["origin": "https://evil.example"], ["origin": "null"], ["sec-fetch-site": "cross-site"]] {
                let answer = try await server.send(endpoint.method, path, "{}", headers: headers)
                #expect(answer.status == 403 && answer.header("access-control-allow-origin") == nil, "\(endpoint.method) \(path)")
            }
        }
    }

    @Test func anAllowedPageReadsAnswers() async throws {
        for origin in ["http://localhost:3000", "https://good.example"] {
            let server = Self.server(origins: ["https://good.example"])
            let answer = try await server.send("POST", "/v1/chat/completions", Self.chat, headers: ["origin": origin])
            #expect(answer.status == 200)
            #expect(answer.header("access-control-allow-origin") == origin)
        }
    }

    @Test func aForeignPageReadsNothing() async throws {
        let answer = try await Self.server().send("GET", "/v1/models", headers: ["origin": "https://evil.example"])
        #expect(answer.header("access-control-allow-origin") == nil)
    }

    @Test(arguments: [("GET", "/v1/embeddings", "POST"), ("DELETE", "/v1/models", "GET, HEAD"), ("POST", "/health", "GET, HEAD")])
    func aWrongMethodNamesTheRightOnes(method: String, path: String, allowed: String) async throws {
        let answer = try await Self.server().send(method, path)
        #expect(answer.status == 405)
        #expect(answer.header("allow") == allowed)
    }

    @Test func anUnknownPathNamesTheNearest() async throws {
        let answer = try await Self.server().send("POST", "/v1/chat/completion", Self.chat)
        #expect(answer.status == 404)
        #expect(answer.json["error"]?["message"]?.stringValue?.contains("POST /v1/chat/completions") == true)
    }

    @Test func unknownModelsAre404() async throws {
        #expect(try await Self.server().send("GET", "/v1/models/nobody").error == "404 model_not_found -")
        let body = #"{"model":"nobody","messages":[{"role":"user","content":"Hi"}]}"#
        #expect(try await Self.server().send("POST", "/v1/chat/completions", body).error == "404 model_not_found -")
    }

    @Test(arguments: ["/v1/tokenizer_info?model=talker", "/v1/lora-adapters?model=talker"])
    func aGetNeverLoadsAModel(path: String) async throws {
        #expect(try await Self.server().send("GET", path).error == "409 model_not_loaded model")
    }

    @Test func webSocketsAreRefusedInAWayThatClientsUnderstand() async throws {
        let answer = try await Self.server().send("GET", "/v1/models", headers: ["upgrade": "websocket"])
        #expect(answer.status == 426 && answer.error == "426 websocket_not_supported -")
        #expect(answer.header("connection") == "close" && answer.header("upgrade") == "HTTP/1.1")
    }

    @Test func theRouteOfWebSocketsNeedsAHandshake() async throws {
        let plain = try await Self.server().send("GET", "/v1/responses")
        #expect(plain.error == "426 websocket_required -" && plain.header("upgrade") == "websocket")
        let answer = try await Self.server().send("GET", "/v1/responses", headers: ["upgrade": "websocket"])
        #expect(answer.error == "400 invalid_websocket_handshake -")
        let old = ["upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "8"]
        let refused = try await Self.server().send("GET", "/v1/responses", headers: old)
        #expect(refused.error == "426 websocket_version_not_supported -" && refused.header("sec-websocket-version") == "13")
        #expect(refused.header("upgrade") == "websocket")
    }

    @Test func aWebSocketIsCheckedLikeARequest() async throws {
        let upgrade = ["upgrade": "websocket"]
        let foreign = try await Self.server().send("GET", "/v1/responses", headers: upgrade.merging(["origin": "https://evil.example"]) { $1 })
        #expect(foreign.status == 403)
        #expect(try await Self.server(keys: ["k"]).send("GET", "/v1/responses", headers: upgrade).status == 401)
    }
}
