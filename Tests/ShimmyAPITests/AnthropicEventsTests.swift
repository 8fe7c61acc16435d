import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Messages and their events, given the parts of an answer; lists of models.
@Suite struct AnthropicEventsTests {
    private static func events(_ fields: JSONObject = [:], streams: Bool = true, isClamped: Bool = false) throws -> MessageEvents {
        var body: JSONObject = ["model": "m", "max_tokens": 9, "stream": .bool(streams), "messages": [["role": "user", "content": "Hi"]]]
        for (name, value) in fields { body[name] = value }
        let translation = try MessageTranslation.answer(.object(body))
        return MessageEvents(try MessageRequest(translation.completion, translation), isClamped: isClamped, requestID: "req_1")
    }

    private static let prompt = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 0)
    private static let usage = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 4, reasoningTokens: 2)

    private static func types(_ events: [JSON]) -> [String] { events.map { $0["type"]?.stringValue ?? "?" } }

    /// An answer with thinking, text and two calls.
    private static func answer(_ events: inout MessageEvents) -> [JSON] {
        var all = events.begin() + events.push(.promptComputed(prompt), choice: 0)
        let parts: [AnswerDelta] = [
            .reasoning("Hm"), .reasoning("m."), .content("Hel"), .content("lo"), .call(index: 0, id: nil, name: "f"),
            .arguments(index: 0, #"{"a""#), .arguments(index: 0, ": 1}"), .call(index: 1, id: "own", name: "g"), .arguments(index: 1, "{}"),
        ]
        for part in parts { all += events.push(part, choice: 0) }
        all += events.push(FinishReason.toolCalls, choice: 0)
        return all + events.finish(usage, time: 5)
    }

    @Test func aStreamHasAllOfItsEvents() throws {
        var machine = try Self.events()
        let events = Self.answer(&machine)
        #expect(
            Self.types(events) == [
                "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_delta",
                "content_block_stop", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "content_block_start",
                "content_block_delta", "content_block_stop", "message_delta", "message_stop",
            ])
        let message = try #require(events[0]["message"]?.objectValue)
        #expect(message["content"] == [] && message["stop_reason"] == .null && message["stop_sequence"] == .null && message["model"] == "m")
        #expect(message["stop_details"] == .null)
        #expect(message["id"]?.stringValue?.hasPrefix("msg_") == true)
        #expect(
            message["usage"] == [
                "input_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 0,
                "output_tokens_details": ["thinking_tokens": 0],
                "cache_creation": ["ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0], "server_tool_use": .null, "inference_geo": .null,
                "service_tier": "standard",
            ])
        #expect(events.compactMap { $0["index"]?.intValue } == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3])
        #expect(events[1]["content_block"] == ["type": "thinking", "thinking": "", "signature": ""])
        #expect(events[3]["delta"] == ["type": "thinking_delta", "thinking": "m."])
        #expect(events[4]["delta"]?["type"] == "signature_delta" && events[4]["delta"]?["signature"]?.stringValue?.isEmpty == false)
        #expect(events[6]["content_block"] == ["type": "text", "text": ""])
        #expect(events[7]["delta"] == ["type": "text_delta", "text": "Hel"])
        let call = try #require(events[10]["content_block"])
        #expect(call["type"] == "tool_use" && call["name"] == "f" && call["input"] == [:])
        #expect(call["id"]?.stringValue?.hasPrefix("toolu_") == true && events[14]["content_block"]?["id"] == "toolu_own_own")
        #expect(events[11]["delta"] == ["type": "input_json_delta", "partial_json": #"{"a""#])
        #expect(events[17]["delta"] == ["stop_reason": "tool_use", "stop_sequence": .null, "stop_details": .null])
        #expect(events[17]["usage"]?["output_tokens"] == 4 && events[17]["usage"]?["output_tokens_details"] == ["thinking_tokens": 2])
        #expect(machine.whole == nil)
    }

    @Test func aWholeMessageHasTheSameContent() throws {
        var machine = try Self.events(streams: false)
        #expect(Self.answer(&machine) == [])
        let message = try #require(machine.whole)
        let content = try #require(message["content"]?.arrayValue)
        #expect(Self.types(content) == ["thinking", "text", "tool_use", "tool_use"])
        #expect(content[0]["thinking"] == "Hmm." && content[0]["signature"]?.stringValue?.isEmpty == false)
        #expect(content[1] == ["type": "text", "text": "Hello"])
        #expect(content[2]["input"] == ["a": 1] && content[3]["input"] == [:])
        #expect(message["stop_reason"] == "tool_use" && message["type"] == "message" && message["role"] == "assistant")
        #expect(message["usage"]?["input_tokens"] == 4 && message["usage"]?["output_tokens"] == 4)
    }

    @Test func omittedThinkingIsInTheSignature() throws {
        for streams in [true, false] {
            var machine = try Self.events(["thinking": ["type": "adaptive", "display": "omitted"]], streams: streams)
            let events = Self.answer(&machine)
            let text = JSON.array(events).text + (machine.whole?.text ?? "")
            #expect(!text.contains("Hm") && text.contains(SealedText.seal("Hmm.")))
            #expect(!text.contains("thinking_delta"))
        }
    }

    @Test func reasonsOfTheEnd() throws {
        func reason(_ reason: FinishReason, stop: String? = nil, isClamped: Bool = false) throws -> JSON {
            var machine = try Self.events(streams: false, isClamped: isClamped)
            _ = machine.push(AnswerDelta.content("a"), choice: 0)
            if let stop { _ = machine.push(AnswerFact.stopped(by: stop), choice: 0) }
            _ = machine.push(reason, choice: 0)
            _ = machine.finish(Self.usage, time: 5)
            return [machine.whole?["stop_reason"] ?? "?", machine.whole?["stop_sequence"] ?? "?"]
        }
        #expect(try reason(.stop) == ["end_turn", .null])
        #expect(try reason(.stop, stop: "END") == ["stop_sequence", "END"])
        #expect(try reason(.length) == ["max_tokens", .null])
        #expect(try reason(.length, isClamped: true) == ["model_context_window_exceeded", .null])
        #expect(try reason(.toolCalls) == ["tool_use", .null])
    }

    @Test(arguments: ["system", "messages", "tools", "cache_control"]) func cacheMarksAreFound(field: String) throws {
        let mark: JSON = ["type": "ephemeral"]
        let block: JSON = [["type": "text", "text": "a", "cache_control": mark]]
        let fields: JSONObject = [
            "system": block, "messages": [["role": "user", "content": block]],
            "tools": [["name": "f", "input_schema": ["type": "object"], "cache_control": mark]], "cache_control": mark,
        ]
        var machine = try Self.events([field: fields[field] ?? .null])
        let usage = try #require(machine.push(.promptComputed(Self.prompt), choice: 0).first?["message"]?["usage"])
        #expect(usage["input_tokens"] == 0 && usage["cache_creation_input_tokens"] == 4 && usage["cache_read_input_tokens"] == 3)
        #expect(usage["cache_creation"] == ["ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0])
    }

    @Test func anAnswerWithoutTextHasNoContent() throws {
        var machine = try Self.events()
        let events = machine.begin() + machine.push(FinishReason.stop, choice: 0) + machine.finish(Self.usage, time: 5)
        #expect(Self.types(events) == ["message_start", "message_delta", "message_stop"])
    }

    @Test func aCallThatIsCutOffIsStillAnObject() throws {
        var machine = try Self.events(streams: false)
        _ = machine.push(AnswerDelta.call(index: 0, id: nil, name: "f"), choice: 0)
        _ = machine.push(AnswerDelta.arguments(index: 0, #"{"a": "#), choice: 0)
        _ = machine.push(FinishReason.length, choice: 0) + machine.finish(Self.usage, time: 5)
        #expect(machine.whole?["content"]?[0]?["input"] == [:] && machine.whole?["stop_reason"] == "max_tokens")
    }

    @Test(arguments: [
        (400, "invalid_request_error", 400), (401, "authentication_error", 401), (403, "permission_error", 403), (404, "not_found_error", 404),
        (413, "request_too_large", 413), (415, "invalid_request_error", 415), (429, "rate_limit_error", 429), (500, "api_error", 500),
        (503, "overloaded_error", 529),
    ])
    func errorsHaveAnthropicsTypes(status: Int, type: String, sent: Int) throws {
        let error = APIError(status: status, message: "No.")
        let form = API.anthropic.errors
        #expect(form.status(of: error) == sent)
        let body: JSON = ["type": "error", "error": ["type": .string(type), "message": "No."], "request_id": "req_1"]
        #expect(form.body(of: error, requestID: "req_1") == body)
        let machine = try Self.events()
        #expect(machine.fail(error) == [body])
        #expect(String(decoding: MessageEvents.framing.frame(body), as: UTF8.self).hasPrefix("event: error\ndata: {"))
    }

    // MARK: Models

    @Test func modelsAreListedInPages() throws {
        let models = (1...5).map { AnthropicModel(id: "m\($0)", displayName: "M \($0)", created: 1_700_000_000 + $0 / 2, contextLength: 64) }
        func page(_ limit: Int, after: String? = nil, before: String? = nil) throws -> JSON {
            let page = try AnthropicModel.page(models, limit: limit, after: after, before: before)
            let ids = (page["data"]?.arrayValue ?? []).map { $0["id"] ?? "?" }
            #expect(page["first_id"] == ids.first ?? .null && page["last_id"] == ids.last ?? .null)
            return [.array(ids), page["has_more"] ?? "?"]
        }
        // The newest first; of the same time, in the order of their names.
        #expect(try page(20) == [["m4", "m5", "m2", "m3", "m1"], false])
        #expect(try page(2) == [["m4", "m5"], true])
        #expect(try page(2, after: "m5") == [["m2", "m3"], true])
        #expect(try page(2, after: "m3") == [["m1"], false])
        #expect(try page(2, after: "m1") == [[], false])
        #expect(try page(2, before: "m1") == [["m2", "m3"], true])
        #expect(try page(2, before: "m2") == [["m4", "m5"], false])
        #expect(try page(9, after: "m4", before: "m1") == [["m5", "m2", "m3"], false])
        #expect(try page(9, after: "m1", before: "m4") == [[], false])
        let error = try #require(throws: APIError.self) { try page(2, after: "gone") }
        #expect(error.param == "after_id")
        #expect(models[0].json["created_at"] == "2023-11-14T22:13:20Z" && models[0].json["max_input_tokens"] == 64)
    }
}
