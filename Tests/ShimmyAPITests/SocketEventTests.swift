import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The messages of the WebSocket of `GET /v1/responses`, in both directions.
@Suite struct SocketEventTests {
    @Test func eventsAreRead() throws {
        #expect(try SocketEvent(["type": "response.create", "model": "m"]).kind == .create)
        #expect(try SocketEvent(["type": "response.processed", "response_id": "resp_1"]).kind == .processed)
        #expect(
            try SocketEvent(["type": "response.steer", "previous_response_id": "resp_1", "input": "Stop"]).kind
                == .steer(previousID: "resp_1", input: "Stop"))
        #expect(try SocketEvent.lane(of: ["stream_id": "a"]) == "a")
        #expect(try SocketEvent.lane(of: [:]) == nil)
    }

    @Test(
        arguments: [
            (#"[]"#, nil), (#"{}"#, "type"), (#"{"type": 1}"#, "type"), (#"{"type": "response.append"}"#, "type"),
            (#"{"type": "response.steer", "input": "a"}"#, "previous_response_id"),
        ] as [(String, String?)])
    func aWrongEventNamesItsField(text: String, field: String?) throws {
        let json = try JSON.parse(text)
        #expect { try SocketEvent(json) } throws: { ($0 as? APIError)?.status == 400 && ($0 as? APIError)?.param == field }
    }

    @Test func aLaneIsAShortText() {
        #expect(throws: APIError.self) { try SocketEvent.lane(of: ["stream_id": 1]) }
        #expect(throws: APIError.self) { try SocketEvent.lane(of: ["stream_id": .string(String(repeating: "a", count: 257))]) }
    }

    @Test func theRestOfTheEventIsARequest() throws {
        let request = try SocketEvent.request([
            "type": "response.create", "stream_id": "a", "model": "m", "input": "Hi", "stream_options": ["include_obfuscation": false], "new": 1,
        ])
        #expect(request.stream && !request.style.isSilent && request.ignoredParameters == ["new"])
        #expect(throws: APIError.self) { try SocketEvent.request(["type": "response.create", "model": "m", "input": "Hi", "background": true]) }
    }

    @Test(arguments: [["generate": false], ["prompt_cache_options": ["prewarm": true]]] as [JSONObject])
    func aWarmUpHasNoOutput(fields: JSONObject) throws {
        var event: JSONObject = ["type": "response.create", "model": "m", "input": "Hi"]
        for (name, value) in fields { event[name] = value }
        let request = try SocketEvent.request(.object(event))
        #expect(request.style.isSilent && request.chat.maximumTokens == 1)
        let object = ResponseObject(id: ResponseObject.newID(), created: 5, request: request, isStored: false)
        var machine = ResponseEvents(object, style: request.style, dialect: request.dialect)
        var events = machine.begin()
        events += machine.push(.content("Hel"), choice: 0)
        events += machine.push(FinishReason.length, choice: 0)
        events += machine.finish(Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 1), time: 9)
        #expect(events.map { $0["type"]?.stringValue } == ["response.created", "response.in_progress", "response.completed"])
        #expect(events.last?["response"]?["output"] == [] && events.last?["response"]?["usage"]?["output_tokens"] == 0)
    }

    @Test(
        arguments: [
            ("prompt_cache_options", ["prewarm": "yes"], "prompt_cache_options.prewarm"),
            ("prompt_cache_options", ["prewarm": 1], "prompt_cache_options.prewarm"), ("prompt_cache_options", true, "prompt_cache_options"),
            ("generate", "no", "generate"),
        ] as [(String, JSON, String)])
    func aWarmUpOfAWrongTypeIsRefused(name: String, value: JSON, field: String) {
        var event: JSONObject = ["type": "response.create", "model": "m", "input": "Hi"]
        event[name] = value
        #expect {
            try SocketEvent.request(.object(event))
        } throws: {
            let error = $0 as? APIError
            return error?.status == 400 && error?.param == field && error?.code == "invalid_type"
        }
    }

    @Test(arguments: [["prewarm": .null], [:], ["prewarm": false, "other": 1]] as [JSONObject])
    func otherCacheOptionsAreNoWarmUp(options: JSONObject) throws {
        let event: JSONObject = ["type": "response.create", "model": "m", "input": "Hi", "prompt_cache_options": .object(options)]
        #expect(try !SocketEvent.request(.object(event)).style.isSilent)
    }

    /// Agents prepare their instructions and tools before there is any input.
    @Test func onlyAWarmUpMayHaveNoInput() throws {
        var event: JSONObject = ["type": "response.create", "model": "m", "input": [], "instructions": "a"]
        #expect(throws: APIError.emptyArray(.key("input"))) { try SocketEvent.request(.object(event)) }
        event["generate"] = false
        event["tools"] = [["type": "function", "name": "f"]]
        let request = try SocketEvent.request(.object(event))
        #expect(request.style.isSilent && request.input == [] && request.chat.conversation.tools.count == 1)
        #expect(try request.chat([]).conversation.messages == [ChatMessage(.system, "a")])
    }

    @Test func errorsHaveTheFormOfWebSockets() {
        let error = APIError(status: 429, message: "Full.", type: "rate_limit_error", param: nil, code: "rate_limit_exceeded", retryAfter: 2)
        #expect(
            SocketFrame.error(error, lane: "a") == [
                "type": "error", "status": 429, "headers": ["retry-after": "2"], "stream_id": "a",
                "error": ["message": "Full.", "type": "rate_limit_error", "param": .null, "code": "rate_limit_exceeded"],
            ])
        #expect(
            SocketFrame.event(["type": "error", "code": "c", "message": "m", "param": .null, "sequence_number": 4], lane: nil) == [
                "type": "error", "sequence_number": 4, "error": ["type": "server_error", "code": "c", "message": "m", "param": .null],
            ])
    }

    @Test func eventsCarryTheirLaneAndTheFirstItsHeaders() {
        let event: JSON = ["type": "response.created", "sequence_number": 0]
        #expect(SocketFrame.event(event, lane: nil) == event)
        let first = SocketFrame.event(event, lane: "a", headers: ["x-shimmy-ignored-params": "new"])
        #expect(first["stream_id"] == "a" && first["headers"] == ["x-shimmy-ignored-params": "new"])
    }
}
