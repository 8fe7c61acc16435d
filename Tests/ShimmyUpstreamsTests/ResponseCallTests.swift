import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Requests and answers in the Responses API.
@Suite struct ResponseCallTests {
    private func call(_ request: ChatRequest, _ kind: UpstreamKind = .openai, maximumTokens: Int? = nil) throws -> UpstreamCall {
        let settings = UpstreamSettings(name: "box", url: "https://api.openai.com")
        return try ResponseCall.make(request, model: "m", maximumTokens: maximumTokens, kind: kind, settings: settings, user: "u")
    }

    @Test func aConversationBecomesItems() throws {
        let calls: JSON = [["id": "c1", "type": "function", "function": ["name": "f", "arguments": "{\"a\":1}"]]]
        let request = ChatRequest(messages: [
            ChatMessage(.developer, "be brief"), ChatMessage(.user, "hi"),
            ChatMessage(role: .assistant, content: ["so"], toolCalls: calls, reasoning: "hm"),
            ChatMessage(role: .tool, content: ["1"], toolCallID: "c1"),
        ])
        let made = try call(request, maximumTokens: 9)
        let body = made.bodies[0]
        #expect(made.path == "/v1/responses")
        #expect(body["store"] == false && body["stream"] == true && body["max_output_tokens"] == 9 && body["user"] == "u")
        let items: JSON = [
            ["type": "message", "role": "developer", "content": "be brief"], ["type": "message", "role": "user", "content": "hi"],
            ["type": "message", "role": "assistant", "content": "so"],
            ["type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"],
            ["type": "function_call_output", "call_id": "c1", "output": "1"],
        ]
        #expect(body["input"] == items)
        let shimmy = try call(request, .shimmy).bodies[0]["input"]
        #expect(shimmy?[2]?["type"] == "reasoning" && shimmy?[2]?["content"]?[0]?["text"] == "hm")
    }

    @Test func toolsFormsAndParametersHaveTheNamesOfTheAPI() throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.conversation.tools = [Tool(name: "f", description: "d")]
        request.conversation.toolChoice = ToolChoice(.required, isOneCall: true)
        request.conversation.responseSchema = ["type": "object"]
        request.conversation.templateArguments = ["reasoning_effort": "low"]
        request.sampling.logprobs = 2
        request.sampling.seed = 1
        request.stops = ["."]
        request.choices = 2
        let made = try call(request)
        let body = made.bodies[0]
        let tool: JSON = ["type": "function", "name": "f", "strict": false, "description": "d", "parameters": ["type": "object", "properties": [:]]]
        #expect(body["tools"] == [tool])
        #expect(body["tool_choice"] == ["type": "function", "name": "f"])
        #expect(body["text"]?["format"]?["type"] == "json_schema" && body["text"]?["format"]?["strict"] == false)
        #expect(body["reasoning"] == ["effort": "low"])
        #expect(body["include"] == ["message.output_text.logprobs"] && body["top_logprobs"] == 2)
        #expect(body["stop"] == nil && made.ownStops == ["."] && made.bodies.count == 2)
        #expect(made.checksAnswer && made.report.withoutEffect == ["seed"])
        let shimmy = try call(request, .shimmy)
        #expect(shimmy.bodies.map { $0["seed"] } == [1, 2] && shimmy.report.withoutEffect.isEmpty && !shimmy.checksAnswer)
    }

    /// Shimmy tells loose and strict schemas apart, and other servers enforce only strict ones.
    @Test func aSchemaIsAsStrictAsTheRequestsAtAShimmy() throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.conversation.responseSchema = ["type": "object"]
        for isStrict in [false, true] {
            request.conversation.isResponseStrict = isStrict
            #expect(try call(request, .shimmy).bodies[0]["text"]?["format"]?["strict"] == .bool(isStrict))
            #expect(try call(request, .vllm).bodies[0]["text"]?["format"]?["strict"] == true)
        }
    }

    @Test func whatTheAPILacksIsRefused() throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.grammar = "root ::= \"a\""
        let refused = #expect(throws: UpstreamFailure.self) { try call(request) }
        #expect(refused?.reason == .unsupported(field: "grammar"))
        #expect(try call(request, .shimmy).bodies[0]["grammar"] == "root ::= \"a\"")
    }

    // MARK: Answers

    private static func response(_ status: String, _ more: JSONObject = [:]) -> JSON {
        var response: JSONObject = [
            "object": "response", "status": .string(status),
            "usage": [
                "input_tokens": 5, "output_tokens": 3, "input_tokens_details": ["cached_tokens": 2], "output_tokens_details": ["reasoning_tokens": 1],
            ],
        ]
        for (name, value) in more { response[name] = value }
        return .object(response)
    }

    private static let events: [JSON] = [
        ["type": "response.created", "response": ["object": "response", "status": "in_progress"]],
        ["type": "response.output_item.added", "output_index": 0, "item": ["type": "reasoning"]],
        ["type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "one"],
        ["type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1],
        ["type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "two"],
        ["type": "response.output_text.delta", "output_index": 1, "delta": "Hi"],
        ["type": "response.output_item.done", "output_index": 1, "item": ["type": "message", "content": [["type": "output_text", "text": "Hi"]]]],
        ["type": "response.output_item.added", "output_index": 2, "item": ["type": "function_call", "call_id": "c1", "name": "f", "arguments": ""]],
        ["type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"x\""],
        ["type": "response.function_call_arguments.delta", "output_index": 2, "delta": ":1}"],
        [
            "type": "response.output_item.done", "output_index": 2,
            "item": ["type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\":1}"],
        ],
        ["type": "response.new_in_some_year"],
        ["type": "response.completed", "response": response("completed", ["output": [["type": "message", "content": [["text": "Hi"]]]]])],
    ]

    @Test func eventsBecomeAnAnswer() throws {
        var chunks = ResponseChunks(upstream: "box")
        var found: [AnswerEvent] = []
        for event in Self.events { found += try chunks.push(event) }
        #expect(
            found == [
                .delta(choice: 0, .reasoning("one")), .delta(choice: 0, .reasoning("\n\n")), .delta(choice: 0, .reasoning("two")),
                .delta(choice: 0, .content("Hi")), .delta(choice: 0, .call(index: 0, id: "c1", name: "f")),
                .delta(choice: 0, .arguments(index: 0, "{\"x\"")), .delta(choice: 0, .arguments(index: 0, ":1}")), .finished(choice: 0, .toolCalls),
            ])
        #expect(chunks.isDone)
        #expect(chunks.usage == Usage(promptTokens: 5, cachedPromptTokens: 2, completionTokens: 3, reasoningTokens: 1))
    }

    @Test func aWholeResponseIsAnAnswerToo() throws {
        var chunks = ResponseChunks(upstream: "box")
        let output: JSON = [
            ["type": "reasoning", "summary": [["text": "hm"]]], ["type": "message", "content": [["type": "output_text", "text": "Hi"]]],
            ["type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"],
        ]
        let found = try chunks.push(Self.response("completed", ["output": output]))
        #expect(
            found == [
                .delta(choice: 0, .reasoning("hm")), .delta(choice: 0, .content("Hi")), .delta(choice: 0, .call(index: 0, id: "c1", name: "f")),
                .delta(choice: 0, .arguments(index: 0, "{}")), .finished(choice: 0, .toolCalls),
            ])
    }

    @Test func theEndHasItsReason() throws {
        var cut = ResponseChunks(upstream: "box")
        let cutResponse = Self.response("incomplete", ["incomplete_details": ["reason": "max_output_tokens"]])
        let end: JSON = ["type": "response.incomplete", "response": cutResponse]
        #expect(try cut.push(end) == [.finished(choice: 0, .length)])
        let failures: [(JSON, UpstreamFailure.Reason)] = [
            (
                [
                    "type": "response.incomplete",
                    "response": Self.response("incomplete", ["incomplete_details": ["reason": "content_filter"]]),
                ], .refused(status: 400, param: nil, code: "content_filter")
            ),
            (
                ["type": "response.failed", "response": Self.response("failed", ["error": ["code": "server_error", "message": "no"]])],
                .failed(status: 500)
            ), (["type": "error", "code": "rate_limit", "message": "slow down", "error": .null], .failed(status: 500)),
            (["type": "response.failed", "response": Self.response("cancelled")], .interrupted),
        ]
        for (event, reason) in failures {
            var chunks = ResponseChunks(upstream: "box")
            let error = #expect(throws: UpstreamFailure.self) { try chunks.push(event) }
            #expect(error?.reason == reason)
        }
        var open = ResponseChunks(upstream: "box")
        _ = try open.push(Self.events[5])
        let error = #expect(throws: UpstreamFailure.self) { try open.end(isMarked: true) }
        #expect(error?.reason == .interrupted)
    }

    @Test func aSettingChoosesTheDialect() async throws {
        let responses = ScriptedUpstream.Reply.stream(stream(Self.events.map(\.text)))
        let change: (inout UpstreamSettings) -> Void = { $0.dialect = .responses }
        try await ScriptedUpstream.with(.vllm, settings: change, script: { _, _ in responses }) { endpoint, server in
            var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            request.conversation.tools = [Tool(name: "f")]
            request.conversation.toolChoice = ToolChoice(.auto)
            let events = try await read(try await endpoint.answer(request))
            #expect(events.contains(.delta(choice: 0, .content("Hi"))) && server.requests.map(\.path) == ["/v1/responses"])
        }
        let message: JSON = ["type": "message", "content": [["type": "text", "text": "Hi"]], "stop_reason": "end_turn"]
        let messages: (inout UpstreamSettings) -> Void = { $0.dialect = .messages }
        try await ScriptedUpstream.with(.ollama, settings: messages, script: { _, _ in .json(message) }) { endpoint, server in
            let events = try await read(try await endpoint.answer())
            #expect(events.first == .delta(choice: 0, .content("Hi")) && server.requests.map(\.path) == ["/v1/messages"])
            #expect(server.requests[0].head.contains("anthropic-version") && server.requests[0].head.contains("Bearer secret-key"))
        }
    }

    @Test func aKindServesOnlyItsDialects() async throws {
        let change: (inout UpstreamSettings) -> Void = { $0.dialect = .messages }
        try await ScriptedUpstream.with(.openai, settings: change, script: { _, _ in .json([:]) }) { endpoint, server in
            let found = try await failure { try await endpoint.check() }
            #expect(found?.message.contains("'messages'") == true && server.requests.isEmpty)
        }
    }
}
