import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// What all APIs do in the same way: reports of fields without effect, and responses to HEAD.
@Suite struct ReportRouteTests {
    private static func server(withoutEffect fields: [String]) -> ScriptedServer {
        var report = AnswerReport()
        report.withoutEffect = fields
        return ScriptedServer(ScriptedGenerator(says: ["Hi"], report: report))
    }

    private static func body(_ fields: JSONObject) -> JSON {
        var body: JSONObject = ["model": "talker", "messages": [["role": "user", "content": "a"]], "unheard_of": 1]
        for (name, value) in fields { body[name] = value }
        return .object(body)
    }

    @Test(arguments: [false, true]) func reasoningWithoutEffectIsReported(stream: Bool) async throws {
        let server = Self.server(withoutEffect: ["chat_template_kwargs.enable_thinking", "reasoning_effort"])
        let cases: [(String, JSONObject, String)] = [
            ("/api/chat", ["think": true], "unheard_of, think"),
            ("/v1/messages", ["max_tokens": 5, "thinking": ["type": "enabled", "budget_tokens": 9]], "unheard_of, thinking"),
            ("/v1/chat/completions", ["reasoning_effort": "low"], "unheard_of, chat_template_kwargs.enable_thinking, reasoning_effort"),
        ]
        for (path, fields, names) in cases {
            var fields = fields
            fields["stream"] = .bool(stream)
            let answer = try await server.post(path, Self.body(fields))
            #expect(answer.status == 200 && answer.header("x-shimmy-ignored-params") == names, "\(path)")
        }
    }

    @Test func fieldsThatAskForReasoningAreKnown() throws {
        func fields(_ body: JSONObject) throws -> [String] {
            try ChatCompletionRequest(Self.body(body)).chat.conversation.reasoningFields
        }
        #expect(try fields([:]).isEmpty && fields(["reasoning_effort": "none"]).isEmpty && fields(["reasoning_budget_tokens": 0]).isEmpty)
        #expect(try fields(["reasoning_effort": "low", "reasoning_budget_tokens": 5]) == ["reasoning_effort", "reasoning_budget_tokens"])
        let thinks: JSONObject = ["chat_template_kwargs": ["enable_thinking": true]]
        #expect(try fields(thinks) == ["chat_template_kwargs.enable_thinking"])
    }

    @Test(arguments: ["/nowhere", "/v1/chat/completions", "/v1/models/gone", "/api/blobs/x", "/v1/messages"])
    func anErrorOfHeadHasNoBody(path: String) async throws {
        let server = ScriptedServer(ScriptedGenerator(says: []))
        let answer = try await server.send("HEAD", path)
        #expect(answer.status >= 400 && answer.body.isEmpty && answer.header("x-request-id") != nil)
        #expect(answer.header("content-length").flatMap { Int($0) } ?? 0 > 0)
    }

    @Test func aRefusedKeyOfHeadHasNoBody() async throws {
        var server = ScriptedServer(ScriptedGenerator(says: []))
        server.configuration = ServerConfiguration(access: .init(apiKeys: [APIKey("k")]))
        let answer = try await server.send("HEAD", "/v1/models")
        #expect(answer.status == 401 && answer.body.isEmpty)
    }
}
