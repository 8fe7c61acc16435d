import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Requests and answers in Anthropic's API.
@Suite struct MessageTests {
    private func call(_ request: ChatRequest, maximumTokens: Int? = nil) throws -> UpstreamCall {
        let settings = UpstreamSettings(name: "box", url: "https://api.anthropic.com")
        return try MessageCall.make(request, model: "m", maximumTokens: maximumTokens, settings: settings, user: "u")
    }

    @Test func aConversationBecomesTurns() throws {
        let calls: JSON = [["id": "c 1", "type": "function", "function": ["name": "f", "arguments": "{\"a\":1}"]]]
        let request = ChatRequest(messages: [
            ChatMessage(.system, "be brief"), ChatMessage(.user, "hi"), ChatMessage(role: .assistant, content: ["so"], toolCalls: calls),
            ChatMessage(role: .tool, content: ["1"], toolCallID: "c 1"), ChatMessage(.user, "and?"),
        ])
        let call = try call(request)
        let body = call.bodies[0]
        #expect(call.path == "/v1/messages")
        #expect(body["system"] == [["type": "text", "text": "be brief"]])
        #expect(body["messages"]?.arrayValue?.map { $0["role"] } == ["user", "assistant", "user"])
        #expect(body["messages"]?[1]?["content"]?[1] == ["type": "tool_use", "id": "c_1", "name": "f", "input": ["a": 1]])
        #expect(body["messages"]?[2]?["content"]?[0]?["tool_use_id"] == "c_1")
        #expect(body["messages"]?[2]?["content"]?[1] == ["type": "text", "text": "and?"])
        #expect(body["max_tokens"]?.intValue ?? 0 > 0)
        #expect(body["metadata"] == ["user_id": "u"])
    }

    @Test func toolsFormsAndReasoning() throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.conversation.tools = [Tool(name: "f", description: "d")]
        request.conversation.toolChoice = ToolChoice(.required)
        request.conversation.responseSchema = ["type": "object"]
        request.conversation.thinks = true
        request.thinkingBudget = 2_000
        request.sampling.seed = 1
        let call = try call(request, maximumTokens: 4_000)
        let body = call.bodies[0]
        #expect(body["tools"]?[0]?["input_schema"]?["type"] == "object")
        #expect(body["tool_choice"] == ["type": "any"])
        #expect(body["thinking"] == ["type": "enabled", "budget_tokens": 2_000])
        #expect(call.checksAnswer && call.report.unenforced == ["#"])
        #expect(call.report.withoutEffect == ["seed"])
        request.conversation.isResponseStrict = true
        let strict = try self.call(request)
        #expect(strict.bodies[0]["output_config"]?["format"]?["schema"] == ["type": "object"])
        #expect(!strict.checksAnswer)
    }

    private static let events: [JSON] = [
        ["type": "message_start", "message": ["usage": ["input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1]]],
        ["type": "content_block_start", "index": 0, "content_block": ["type": "thinking", "thinking": ""]],
        ["type": "content_block_delta", "index": 0, "delta": ["type": "thinking_delta", "thinking": "hm"]], ["type": "ping"],
        ["type": "content_block_start", "index": 1, "content_block": ["type": "text", "text": ""]],
        ["type": "content_block_delta", "index": 1, "delta": ["type": "text_delta", "text": "a"]],
        ["type": "content_block_start", "index": 2, "content_block": ["type": "tool_use", "id": "c1", "name": "f", "input": [:]]],
        ["type": "content_block_delta", "index": 2, "delta": ["type": "input_json_delta", "partial_json": "{\"x\":1}"]],
        ["type": "message_delta", "delta": ["stop_reason": "tool_use"], "usage": ["output_tokens": 9]], ["type": "message_stop"],
    ]

    @Test func eventsBecomeThoseOfAnAnswer() throws {
        var chunks = MessageChunks(upstream: "box")
        var events: [AnswerEvent] = []
        for event in Self.events { events += try chunks.push(event) }
        #expect(
            events == [
                .delta(choice: 0, .reasoning("hm")), .delta(choice: 0, .content("a")), .delta(choice: 0, .call(index: 0, id: "c1", name: "f")),
                .delta(choice: 0, .arguments(index: 0, "{\"x\":1}")), .finished(choice: 0, .toolCalls),
            ])
        #expect(chunks.isDone)
        #expect(chunks.usage == Usage(promptTokens: 7, cachedPromptTokens: 2, completionTokens: 9))
    }

    @Test func aCutStreamIsAnError() throws {
        for count in 0..<Self.events.count {
            var chunks = MessageChunks(upstream: "box")
            for event in Self.events.prefix(count) { _ = try chunks.push(event) }
            let error = #expect(throws: UpstreamFailure.self) { try chunks.end(isMarked: false) }
            #expect(error?.reason == .interrupted)
        }
    }

    @Test func anEndedMessageNeedsNoMark() throws {
        var chunks = MessageChunks(upstream: "box")
        for event in Self.events.dropLast() { _ = try chunks.push(event) }
        _ = try chunks.end(isMarked: true)
        #expect(chunks.isDone)
    }

    @Test func aRefusalIsAnError() throws {
        var chunks = MessageChunks(upstream: "box")
        let end: JSON = ["type": "message_delta", "delta": ["stop_reason": "refusal"]]
        let error = #expect(throws: UpstreamFailure.self) { try chunks.push(end) }
        #expect(error?.reason == .refused(status: 400, param: nil, code: "content_filter"))
    }

    @Test func errorsAndStrangeEvents() throws {
        let overloaded: JSON = ["type": "error", "error": ["type": "overloaded_error", "message": "busy"]]
        var chunks = MessageChunks(upstream: "box")
        #expect(throws: UpstreamFailure("box", .busy(status: 503, retryAfter: nil), "busy")) { try chunks.push(overloaded) }
        let strange: [JSON] = [
            7, [:], ["type": 7], ["type": "message_stop"], ["type": "content_block_delta", "index": 5, "delta": ["type": "input_json_delta"]],
        ]
        for event in strange {
            var chunks = MessageChunks(upstream: "box")
            #expect(throws: UpstreamFailure.self) { try chunks.push(event) }
        }
    }
}
