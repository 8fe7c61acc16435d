import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Servers of the kind `openai` at hosts that are not OpenAI's.
@Suite struct CompatibleServerTests {
    private func call(_ request: ChatRequest, _ url: String = "http://box:8000") throws -> UpstreamCall {
        let settings = UpstreamSettings(name: "box", url: url)
        return try ChatCall.make(request, model: "m", maximumTokens: 7, kind: .openai, settings: settings, user: nil)
    }

    private var request: ChatRequest {
        let calls: JSON = [["id": "c1", "type": "function", "function": ["name": "f", "arguments": "{}"]]]
        var request = ChatRequest(messages: [
            ChatMessage(.developer, "be brief"), ChatMessage(.user, "hi"), ChatMessage(role: .assistant, content: nil, toolCalls: calls),
            ChatMessage(role: .tool, content: ["1"], toolCallID: "c1"),
        ])
        request.choices = 2
        request.sampling.seed = 4
        request.prediction = "so"
        return request
    }

    @Test func onlyTheCommonPartOfTheAPIIsUsed() throws {
        let call = try call(request)
        #expect(call.bodies.count == 2 && call.choicesPerBody == 1 && call.bodies.allSatisfy { $0["n"] == nil })
        #expect(call.bodies.map { $0["seed"] } == [4, 5] && call.bodies[0]["max_tokens"] == 7)
        let messages = try #require(call.bodies[0]["messages"]?.arrayValue)
        #expect(messages[0]["role"] == "system" && messages[2]["content"] == nil && messages[2]["tool_calls"]?.arrayValue?.count == 1)
        #expect(call.report.withoutEffect == ["prediction"])
    }

    @Test(arguments: ["https://api.openai.com/v1", "https://eu.api.openai.com", "https://name.openai.azure.com/openai"])
    func openAIsOwnHostsGetAllOfIt(url: String) throws {
        let call = try call(request, url)
        #expect(call.bodies.count == 1 && call.bodies[0]["n"] == 2 && call.bodies[0]["max_completion_tokens"] == 7)
        let messages = try #require(call.bodies[0]["messages"]?.arrayValue)
        #expect(messages[0]["role"] == "developer" && messages[2]["content"] == .null && call.report.withoutEffect.isEmpty)
    }

    @Test func hostsWithASimilarNameAreOthers() throws {
        for url in ["https://api.openai.com.example.com", "https://notopenai.azure.com", "https://xapi.openai.com"] {
            #expect(try call(request, url).bodies.count == 2)
        }
    }

    @Test func severalPromptsAreSentAlone() throws {
        let texts = TextRequest(
            prompts: [.text("a"), .text("b")], suffix: nil, maximumTokens: 20, sampling: SamplingParameters(), stops: [], choices: 2)
        let settings = UpstreamSettings(name: "box", url: "http://box:8000")
        let call = try TextCall.make(texts, model: "m", maximumTokens: nil, kind: .openai, settings: settings, user: nil)
        #expect(call.bodies.map { $0["prompt"] } == ["a", "a", "b", "b"] && call.bodies.allSatisfy { $0["n"] == nil })
    }

    @Test func aServerWithoutSchemasIsNamed() async throws {
        let error: JSON = ["error": ["message": "1 validation error: Input should be 'text' or 'json_object'", "type": "internal_server_error"]]
        try await ScriptedUpstream.with(.openai, script: { _, _ in .json(error, status: 500) }) { endpoint, _ in
            var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            let plain = try await failure { _ = try await endpoint.answer(request) }
            #expect(plain?.reason == .failed(status: 500))
            request.conversation.responseSchema = ["type": "object"]
            let asked = request
            let refused = try await failure { _ = try await endpoint.answer(asked) }
            #expect(refused?.reason == .unsupported(field: "response_format"))
        }
    }

    // MARK: IDs of requests

    @Test(
        arguments: [
            (.vllm, "req_1", "req_1"), (.shimmy, "req_1", "req_1"), (.openai, "req_1", RequestUUID.of("req_1")),
            (.openai, "0E9a3c1e-5b77-4d0a-9e4b-3f6b1c2d4e5f", "0E9a3c1e-5b77-4d0a-9e4b-3f6b1c2d4e5f"),
        ] as [(UpstreamKind, String, String)])
    func theIDOfTheRequestHasAFormThatTheKindTakes(kind: UpstreamKind, id: String, sent: String) async throws {
        try await ScriptedUpstream.with(kind, script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            let request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            let context = UpstreamContext(requestID: id)
            let answer = try await endpoint.generate(request, model: "m", terms: ServiceTerms(), context: context)
            _ = try await read(answer)
            let head = try #require(server.requests.first?.head)
            #expect(head.contains("x-request-id: \(sent)\r\n") || head.hasSuffix("x-request-id: \(sent)"))
        }
    }

    @Test func aUUIDIsStableAndOfVersion4() {
        let ids = (0..<100).map { RequestUUID.of("req_\($0)") }
        #expect(Set(ids).count == 100 && ids[1] == RequestUUID.of("req_1"))
        for id in ids {
            let parts = id.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12] && parts[2].first == "4" && "89ab".contains(parts[3].prefix(1)))
            #expect(id.allSatisfy { $0 == "-" || "0123456789abcdef".contains($0) })
        }
        // An ID that only looks like one is replaced.
        let wrong = "0e9a3c1e-5b77-4d0a-9e4b-3f6b1c2d4e5g"
        #expect(RequestUUID.of(wrong) != wrong && RequestUUID.of("") != "")
    }

    // MARK: Facts of answers

    /// Returns the report of an answer whose chunks have a fingerprint, and the tokens of the prompt that its first facts contain.
    private func answer(_ fingerprint: String) async throws -> (report: AnswerReport, promptTokens: Int?) {
        let chunk = #"{"system_fingerprint":"\#(fingerprint)","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#
        var found: (AnswerReport, Int?) = (AnswerReport(), nil)
        try await ScriptedUpstream.with(script: { _, _ in .stream(stream([chunk, "[DONE]"])) }) { endpoint, _ in
            let answer = try await endpoint.answer(ChatRequest(messages: [ChatMessage(.user, "twelve bytes")]))
            found.0 = answer.report
            while let event = try await answer.nextEvent() {
                if case .fact(_, .promptComputed(let usage)) = event { found.1 = usage.promptTokens }
                if case .delta = event { break }
            }
        }
        return found
    }

    @Test func aFingerprintOfTheUsualFormIsPassedOn() async throws {
        let usual = try await answer("fp_44709d6fcb")
        #expect(usual.report.fingerprint == "fp_44709d6fcb")
        for other in ["b1-abc", "fp_ollama", "fp_", "fp_ABC", "fp_" + String(repeating: "0", count: 100)] {
            let found = try await answer(other)
            #expect(found.report.fingerprint == nil)
        }
    }

    @Test func theFirstFactsHaveAnEstimateOfThePrompt() async throws {
        let found = try await answer("fp_0")
        #expect(found.promptTokens ?? 0 > 0)
    }
}
