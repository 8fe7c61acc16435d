import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// What an upstream says about itself, its models and its tokens.
@Suite struct UpstreamFactsTests {
    /// Returns a script of JSON by path. Other paths get a 404.
    private static func script(_ answers: [String: JSON]) -> @Sendable (ScriptedUpstream.Request, Int) -> ScriptedUpstream.Reply {
        { request, _ in answers[request.path].map { .json($0) } ?? .json(["error": "not found"], status: 404) }
    }

    private static let shimmysHealth: JSON = ["status": "ok", "models_loaded": 0, "engine": [:]]
    private static let properties: JSON = ["default_generation_settings": ["n_ctx": 512], "modalities": ["vision": true]]

    @Test(
        arguments: [
            (.vllm, ["/version": ["version": "0.32.0"]]), (.sglang, ["/get_model_info": ["model_path": "m"], "/api/version": ["version": "0"]]),
            (.llamaServer, ["/props": UpstreamFactsTests.properties]), (.ollama, ["/api/version": ["version": "0.12"]]), (.openai, [:]),
            (
                .shimmy,
                ["/health": UpstreamFactsTests.shimmysHealth, "/props": UpstreamFactsTests.properties, "/api/version": ["version": "0.12"]]
            ),
        ] as [(UpstreamKind, [String: JSON])])
    func kindsAreFoundOut(kind: UpstreamKind, answers: [String: JSON]) async throws {
        let client = UpstreamClient()
        try await ScriptedUpstream.with(script: Self.script(answers)) { endpoint, _ in
            let found = try await UpstreamEndpoint.detect(endpoint.settings, client: client)
            #expect(found == kind)
        }
        await client.shutdown()
    }

    @Test func aServerThatDoesNotAnswerHasNoKind() async throws {
        let client = UpstreamClient()
        var settings = UpstreamSettings(name: "box", url: "http://127.0.0.1:1")
        (settings.checkSeconds, settings.connectSeconds) = (3600, 3600)
        let absent = settings
        let found = try await failure { _ = try await UpstreamEndpoint.detect(absent, client: client) }
        #expect(found?.reason == .unreachable)
        await client.shutdown()
        let kind = try await UpstreamEndpoint.detect(UpstreamSettings(name: "box", url: "https://api.openai.com/v1"), client: client)
        #expect(kind == .openai)
    }

    @Test(arguments: [502, 503])
    func aServerThatIsNotReadyHasNoKindYet(status: Int) async throws {
        let client = UpstreamClient()
        try await ScriptedUpstream.with(script: { _, _ in .text("loading", status: status) }) { endpoint, _ in
            var settings = endpoint.settings
            settings.kind = nil
            let waiting = settings
            let found = try await failure { _ = try await UpstreamEndpoint.detect(waiting, client: client) }
            #expect(found != nil)
        }
        await client.shutdown()
    }

    @Test func namesWithTheUpstreamsOfAShimmyAreLeftOut() async throws {
        let own: JSON = ["upstreams": ["gpu"]]
        let list: JSON = ["data": [["id": "m", "shimmy": own], ["id": "gpu/m", "shimmy": own], ["id": "org/n"]]]
        try await ScriptedUpstream.with(.shimmy, script: Self.script(["/v1/models": list])) { endpoint, _ in
            let ids = try await endpoint.models().map(\.id)
            #expect(ids == ["m", "org/n"])
        }
    }

    @Test func modelsHaveTheFactsOfTheirKind() async throws {
        let cases: [(UpstreamKind, [String: JSON], [UpstreamModel])] = [
            (
                .vllm, ["/v1/models": ["data": [["id": "a", "max_model_len": 1024], ["id": ""], ["id": 7], ["id": "a"]]]],
                [Self.model("a", 1024, true)]
            ),
            (
                .shimmy, ["/v1/models": ["data": [["id": "e", "shimmy": ["context_length": 8, "capabilities": ["embeddings"]]]]]],
                [Self.model("e", 8, true, roles: [.embeddings])]
            ),
            (.openai, ["/v1/models": ["data": [["id": "text-embedding-3"]]]], [Self.model("text-embedding-3", nil, false, roles: [.embeddings])]),
        ]
        for (kind, answers, expected) in cases {
            try await ScriptedUpstream.with(kind, script: Self.script(answers)) { endpoint, _ in
                let models = try await endpoint.models()
                #expect(models == expected)
            }
        }
    }

    @Test func aTemplateWithoutReasoningSaysSo() async throws {
        let list: JSON = ["data": [["id": "a"]]]
        for (template, reasons) in [("{{ messages }}", false), ("{% if enable_thinking %}", nil), ("", nil)] as [(String, Bool?)] {
            let properties: JSON = ["default_generation_settings": ["n_ctx": 512], "chat_template": .string(template)]
            try await ScriptedUpstream.with(.llamaServer, script: Self.script(["/v1/models": list, "/props": properties])) { endpoint, _ in
                let found = try await endpoint.models().map(\.reasons)
                #expect(found == [reasons])
            }
        }
    }

    @Test func modelsHaveTheTimeThatTheListGives() async throws {
        let times: [(JSON, Int?)] = [
            (["id": "m", "created": 1_700_000_000], 1_700_000_000), (["id": "m", "created_at": "2025-02-19T00:00:00Z"], 1_739_923_200),
            (["id": "m", "created": 0], nil), (["id": "m", "created": 1e300], nil), (["id": "m", "created_at": "soon"], nil), (["id": "m"], nil),
        ]
        for (model, time) in times {
            try await ScriptedUpstream.with(.anthropic, script: Self.script(["/v1/models?limit=1000": ["data": [model]]])) { endpoint, _ in
                let found = try await endpoint.models().map(\.created)
                #expect(found == [time])
            }
        }
    }

    private static func model(_ id: String, _ context: Int?, _ tokenizes: Bool, roles: [ModelRole] = [.chat]) -> UpstreamModel {
        var model = UpstreamModel(id: id, contextLength: context, roles: roles)
        model.tokenizes = tokenizes
        return model
    }

    @Test func furtherFactsHavePathsOfTheirOwn() async throws {
        let list: JSON = ["data": [["id": "a", "meta": ["n_ctx_train": 4096]]]]
        let script = Self.script(["/v1/models": list, "/props": Self.properties])
        try await ScriptedUpstream.with(.llamaServer, script: script) { endpoint, _ in
            let model = try await endpoint.models().first
            #expect(model?.contextLength == 512 && model?.takesImages == true)
        }
        let shown: JSON = ["capabilities": ["completion", "tools"], "model_info": ["llama.context_length": 2048]]
        let ollamas = Self.script(["/api/tags": ["models": [["name": "m:latest"]]], "/api/show": shown])
        try await ScriptedUpstream.with(.ollama, script: ollamas) { endpoint, server in
            let model = try await endpoint.models().first
            #expect(model?.id == "m:latest" && model?.contextLength == 2048 && model?.takesTools == true && model?.reasons == false)
            #expect(server.requests.last?.json == ["model": "m:latest"])
        }
    }

    @Test func theHealthHasAPath() async throws {
        try await ScriptedUpstream.with(.vllm, script: { _, _ in .text("", status: 200) }) { endpoint, server in
            try await endpoint.check()
            #expect(server.requests.first?.path == "/health")
        }
        let change: (inout UpstreamSettings) -> Void = { $0.healthPath = "/up" }
        try await ScriptedUpstream.with(settings: change, script: { _, _ in .text("", status: 503) }) { endpoint, server in
            let found = try await failure { try await endpoint.check() }
            #expect(found?.reason == .busy(status: 503, retryAfter: nil))
            #expect(server.requests.first?.path == "/up")
        }
    }

    @Test func aFailedCheckNamesItsPath() async throws {
        try await ScriptedUpstream.with(.vllm, script: Self.script([:])) { endpoint, _ in
            let found = try await failure { try await endpoint.check() }
            #expect(found?.message == "health check /health: status 404")
        }
    }

    // MARK: Vectors

    @Test func vectorsAndRatingsAreRequested() async throws {
        let script = Self.script([
            "/v1/embeddings": ["data": [["embedding": [2, 0]]], "usage": ["prompt_tokens": 3]],
            "/v1/rerank": ["results": [["index": 0, "relevance_score": 0.5]]],
        ])
        try await ScriptedUpstream.with(script: script) { endpoint, server in
            let vectors = try await endpoint.embed(
                EmbeddingRequest(inputs: [.text("a")]), model: "m", terms: ServiceTerms(), context: UpstreamContext())
            #expect(vectors == EmbeddingResult(vectors: [[1, 0]], promptTokens: 3))
            let ratings = try await endpoint.rerank(
                RerankRequest(query: "q", documents: ["d"]), model: "m", terms: ServiceTerms(), context: UpstreamContext())
            #expect(ratings.scores == [0.5])
            #expect(server.requests.first?.json["input"] == ["a"])
        }
    }

    // MARK: Tokens

    @Test func textsAreTokenized() async throws {
        let script = Self.script(["/tokenize": ["tokens": [1, 2]], "/detokenize": ["prompt": "ab"]])
        try await ScriptedUpstream.with(script: script) { endpoint, server in
            let tokens = try await endpoint.tokenize("ab", model: "m", addSpecial: false, parseSpecial: true)
            #expect(tokens == [1, 2])
            #expect(server.requests.last?.json == ["model": "m", "prompt": "ab", "add_special_tokens": false])
            // The server gives the same text for each token, so the tokens cannot be told apart.
            let pieces = try await endpoint.pieces(of: tokens, model: "m")
            #expect(pieces == [Array("ab".utf8), []])
            let prompt = try await endpoint.prepare(Conversation(messages: [ChatMessage(.user, "hi")]), model: "m")
            #expect(prompt.tokens == [1, 2] && prompt.text == "ab")
        }
    }

    @Test func aServerWithoutATokenizerSaysSo() async throws {
        try await ScriptedUpstream.with(script: Self.script([:])) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.tokenize("a", model: "m", addSpecial: true, parseSpecial: true) }
            #expect(found?.reason == .unsupported(field: "content"))
        }
        try await ScriptedUpstream.with(.ollama, script: Self.script([:])) { endpoint, server in
            let found = try await failure { _ = try await endpoint.prepare(Conversation(messages: [ChatMessage(.user, "a")]), model: "m") }
            #expect(found?.reason == .unsupported(field: "messages"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test func whatIsNotTokensIsRefused() async throws {
        let wrong: [JSON] = [[:], ["tokens": 7], ["tokens": ["a"]], ["tokens": [1e300]], ["tokens": [4_294_967_296]]]
        for answer in wrong {
            try await ScriptedUpstream.with(script: Self.script(["/tokenize": answer])) { endpoint, _ in
                let found = try await failure { _ = try await endpoint.tokenize("a", model: "m", addSpecial: true, parseSpecial: true) }
                #expect(found?.reason == .unreadable)
            }
        }
    }
}
