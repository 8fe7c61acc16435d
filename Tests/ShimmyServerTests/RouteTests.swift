import ShimmyAPI
import ShimmyServer
import Testing

/// Comparison of the server's actual routes with the compatibility matrix.
@Suite struct RouteTests {
    private static let table = ShimmyServer.routeTable(
        configuration: ServerConfiguration(), service: ScriptedServer.service([:]), hub: ScriptedServer.hub, library: ScriptedLibrary(),
        contextLength: { _ in nil }, tokenizer: { _ in throw NoModel() })

    private struct NoModel: Error {}

    @Test func theRoutesAreTheMatrixsSupportedEndpoints() {
        for api in API.allCases {
            let promised = api.endpoints.filter { $0.support != .notSupported }.map { "\($0.method) \($0.path)" }
            #expect(Self.table.endpointsOfMatrix(api) == Set(promised))
        }
    }

    @Test(arguments: [
        ("/v1/chat/completions", ["POST", "GET", "HEAD"]), ("/chat/completions/", ["POST", "GET", "HEAD"]),
        ("/v1/chat/completions/chatcmpl-1", ["GET", "HEAD", "POST", "DELETE"]), ("/v1/chat/completions/render", ["POST"]),
        ("/v1/conversations/conv_1/items/msg_1", ["GET", "HEAD", "DELETE"]), ("/v1/conversations/conv_1/things", []),
        ("/v1/models", ["GET", "HEAD"]), ("/v1/models/hf.co/user/repo:Q4_K_M", ["GET", "HEAD"]), ("/health", ["GET", "HEAD"]),
        ("/", ["GET", "HEAD"]),
        ("/v1/embeddings", ["POST"]), ("/v1/rerank", ["POST"]), ("/rerank", ["POST"]), ("/v2/rerank", ["POST"]),
        ("/v1/messages", ["POST"]), ("/messages/count_tokens", ["POST"]),
        ("/completion", ["POST"]), ("/v1/completion", []), ("/v1/chat/completions/input_tokens", ["POST"]), ("/api/v1/models/load", ["POST"]),
        ("/api/v0/models/hf.co/user/repo:Q4_K_M", ["GET", "HEAD"]), ("/slots", ["GET", "HEAD"]),
        ("/v1/responses", ["POST", "GET", "HEAD"]), ("/v1/responses/resp_1", ["GET", "HEAD", "DELETE"]),
        ("/v1/responses/compact", ["POST"]), ("/v1", []), ("/v1/chat", []), ("/v2/models", []), ("/api/chat", ["POST"]), ("/v1/api/chat", []),
    ])
    func everyPathKnowsItsMethods(path: String, methods: [String]) { #expect(Self.table.methods(forPath: path) == methods) }

    @Test func nothingThatABrowserSendsUnaskedHasAnEffect() { #expect(Self.table.readingMethodsWithEffect == []) }

    @Test(arguments: [
        ("/v1/chat/completion", "POST /v1/chat/completions"), ("/v1/embedings", "POST /v1/embeddings"), ("/unheard/of/things", nil),
        ("/api/generate/it", "POST /api/generate"),
        ("/v1/healthz", "GET /health"),
        ("/V1/Models", "GET /v1/models"), (String(repeating: "/a", count: 5000), nil),
    ])
    func theNearestRouteIsFound(path: String, nearest: String?) { #expect(Self.table.nearest(to: path) == nearest) }

    @Test(arguments: [
        ("/v1/models/SmolLM2", "SmolLM2"), ("/models/a/b:Q4", "a/b:Q4"), ("/v1/models/u%2Fr%3AQ8_0", "u/r:Q8_0"), ("/v1/models/x/", "x"),
        ("/v1/models/caf%C3%A9", "café"), ("/v1/models/%zz", nil), ("/v1/models/%C3", nil), ("/v1/models/a%2", nil),
    ])
    func modelNamesAreReadFromPaths(path: String, name: String?) { #expect(ModelRoutes.modelName(inPath: path) == name) }
}
