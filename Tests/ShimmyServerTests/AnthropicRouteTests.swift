import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The routes of Anthropic's API, with scripted models.
@Suite struct AnthropicRouteTests {
    private struct Broken: Error {}

    private static let message: JSON = ["model": "talker", "max_tokens": 9, "messages": [["role": "user", "content": "Hi"]]]
    private static let version = ["anthropic-version": "2023-06-01"]
    private static let usage = Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2)

    private static func with(_ field: String, _ value: JSON) -> JSON {
        var fields = message.objectValue ?? [:]
        fields[field] = value
        return .object(fields)
    }

    private static func types(_ answer: ScriptedServer.Answer) -> [String] { answer.events.map { $0["type"]?.stringValue ?? "?" } }

    // MARK: Messages

    @Test func aWholeMessage() async throws {
        let generator = ScriptedGenerator(says: ["Hel", "lo"])
        let answer = try await ScriptedServer(generator).post("/v1/messages?beta=true", Self.message, headers: Self.version)
        #expect(answer.status == 200)
        #expect(answer.json["content"] == [["type": "text", "text": "Hello"]])
        #expect(answer.json["stop_reason"] == "end_turn" && answer.json["model"] == "talker")
        #expect(answer.json["usage"]?["input_tokens"] == 2 && answer.json["usage"]?["cache_read_input_tokens"] == 1)
        #expect(answer.header("request-id")?.hasPrefix("req_") == true && answer.header("request-id") == answer.header("x-request-id"))
        #expect(generator.requests.map(\.maximumTokens) == [9])
        #expect(generator.ended > 0)
    }

    @Test func aStreamOfNamedEvents() async throws {
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["Hel", "lo"])).post("/v1/messages", Self.with("stream", true))
        #expect(answer.header("content-type") == "text/event-stream")
        #expect(
            Self.types(answer) == [
                "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta",
                "message_stop",
            ])
        #expect(!answer.body.contains("[DONE]"))
        for event in answer.events { #expect(answer.body.contains("event: \(event["type"]?.stringValue ?? "?")\ndata: ")) }
        #expect(answer.header("request-id")?.hasPrefix("req_") == true)
    }

    @Test func anIdleStreamPings() async throws {
        let generator = ScriptedGenerator { _ in
            [
                .event(.idle), .event(.fact(choice: 0, .promptComputed(Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 0)))),
                .event(.idle), .event(.delta(choice: 0, .content("x"))), .event(.fact(choice: 0, .stopped(by: "END"))),
                .event(.finished(choice: 0, .stop)), .event(.ended(Self.usage)),
            ]
        }
        let answer = try await ScriptedServer(generator).post("/v1/messages", Self.with("stream", true))
        #expect(
            Self.types(answer) == [
                "ping", "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
                "message_stop",
            ])
        #expect(answer.body.contains("event: ping\n"))
        #expect(answer.events[1]["message"]?["usage"]?["cache_read_input_tokens"] == 1)
        #expect(answer.events[6]["delta"] == ["stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": .null])
    }

    @Test func theTokensOfAPromptAreCounted() async throws {
        var fields = Self.message.objectValue ?? [:]
        fields["max_tokens"] = nil
        fields["unheard_of"] = 1
        let server = ScriptedServer(ScriptedGenerator(says: []))
        let answer = try await server.post("/v1/messages/count_tokens", .object(fields), headers: Self.version)
        #expect(answer.json == ["input_tokens": 3])
        #expect(answer.header("x-shimmy-ignored-params") == "unheard_of" && answer.header("request-id") != nil)
        #expect(try await server.post("/v1/messages", .object(fields)).status == 400)
    }

    @Test func whatDeviatesIsReported() async throws {
        var report = AnswerReport(normalizations: ["joined"])
        report.clampedTokens = 7
        var server = ScriptedServer(ScriptedGenerator(says: ["x"], report: report))
        server.preset = RequestPreset(system: "Be kind.", forced: ["temperature": 0, "stop": ["z"]])
        for stream in [false, true] {
            var fields = Self.with("stream", .bool(stream)).objectValue ?? [:]
            for (name, value) in ["unheard_of": 1, "temperature": 1, "stop_sequences": ["a"]] as JSONObject { fields[name] = value }
            let answer = try await server.post("/v1/messages", .object(fields))
            #expect(answer.header("x-shimmy-normalized") == "joined" && answer.header("x-shimmy-clamped-tokens") == "7")
            #expect(answer.header("x-shimmy-ignored-params") == "unheard_of")
            #expect(Set(answer.header("x-shimmy-forced-params")?.split(separator: ", ") ?? []) == ["temperature", "stop_sequences"])
        }
    }

    // MARK: Errors

    @Test func errorsAreAnthropics() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        let cases: [(String, JSON, Int, String)] = [
            ("/v1/messages", Self.with("model", "gone"), 404, "not_found_error"), ("/v1/messages", [:], 400, "invalid_request_error"),
            ("/v1/messages", Self.with("temperature", 2), 400, "invalid_request_error"),
            ("/v1/messages/batches", Self.message, 404, "not_found_error"),
        ]
        for (path, body, status, type) in cases {
            let answer = try await server.post(path, body, headers: Self.version)
            #expect(answer.status == status && answer.json["type"] == "error" && answer.json["error"]?["type"]?.stringValue == type, "\(path)")
            #expect(answer.json["request_id"]?.stringValue == answer.header("request-id"))
            #expect(answer.json["error"]?["message"]?.stringValue?.isEmpty == false)
        }
        #expect(try await server.send("GET", "/v1/messages").json["error"]?["type"] == "invalid_request_error")
        #expect(try await server.send("POST", "/v1/messages", "{").json["error"]?["type"] == "invalid_request_error")
        // Without the header, paths of several APIs have OpenAI's errors.
        #expect(try await server.post("/v1/unheard", Self.message).json["error"]?["code"] == "unknown_url")
    }

    @Test func aFullQueueIsARateLimit() async throws {
        let answer = try await ScriptedServer(ScriptedGenerator { _ in throw QueueFull(retryAfter: 4) }).post("/v1/messages", Self.message)
        #expect(answer.status == 429 && answer.header("retry-after") == "4" && answer.json["error"]?["type"] == "rate_limit_error")
    }

    @Test func whatAModelRefusesIsTheClientsMistake() async throws {
        let generator = ScriptedGenerator { _ in throw GenerationError.contextExceeded(prompt: 100, requested: nil, context: 64) }
        for stream in [false, true] {
            let answer = try await ScriptedServer(generator).post("/v1/messages", Self.with("stream", .bool(stream)))
            #expect(answer.status == 400 && answer.json["error"]?["message"]?.stringValue?.contains("maximum context length") == true)
        }
    }

    @Test func aStreamThatFailsEndsWithAnError() async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x"))), .failure(Broken())] })
        let answer = try await server.post("/v1/messages", Self.with("stream", true))
        #expect(answer.status == 200 && Self.types(answer) == ["message_start", "content_block_start", "content_block_delta", "error"])
        #expect(answer.events.last?["error"]?["type"] == "api_error" && answer.body.contains("event: error\n"))
        #expect(answer.events.last?["request_id"]?.stringValue == answer.header("request-id"))
        #expect(!answer.body.contains("Broken"), "an error of the server's own reveals nothing")
    }

    // MARK: Models

    @Test func theModelsOfAnthropicsClients() async throws {
        let talk: @Sendable () throws -> Backend = { throw Broken() }
        let server = ScriptedServer(models: ["talker": talk, "walker": talk, "embedder": talk])
        let list = try await server.send("GET", "/v1/models?limit=1&lifecycle=active", headers: Self.version)
        #expect(list.json["data"]?.arrayValue?.map { $0["id"] } == ["talker"])
        #expect(list.json["has_more"] == true && list.json["first_id"] == "talker" && list.json["last_id"] == "talker")
        #expect(list.header("x-shimmy-ignored-params") == "lifecycle" && list.header("request-id") != nil)
        let rest = try await server.send("GET", "/v1/models?after_id=talker", headers: Self.version)
        #expect(rest.json["data"]?.arrayValue?.map { $0["id"] } == ["walker"] && rest.json["has_more"] == false)
        let one = try await server.send("GET", "/v1/models/walker", headers: Self.version)
        #expect(one.json["type"] == "model" && one.json["id"] == "walker" && one.json["created_at"] == "1970-01-01T00:00:00Z")
        #expect(try await server.send("GET", "/v1/models/gone", headers: Self.version).json["error"]?["type"] == "not_found_error")
        #expect(try await server.send("GET", "/v1/models?limit=0", headers: Self.version).status == 400)
        // Other clients get OpenAI's shape.
        #expect(try await server.send("GET", "/v1/models/walker").json["object"] == "model")
        #expect(try await server.send("GET", "/v1/models").header("request-id") == nil)
    }

    @Test(arguments: [["x-api-key": "right"], ["authorization": "Bearer right"]]) func keysInBothHeaders(header: [String: String]) async throws {
        var server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        server.configuration = ServerConfiguration(access: ServerAccess.Rules(apiKeys: [APIKey("right")]))
        #expect(try await server.post("/v1/messages", Self.message, headers: header).status == 200)
        let refused = try await server.post("/v1/messages", Self.message, headers: ["x-api-key": "wrong"])
        #expect(refused.status == 401 && refused.json["error"]?["type"] == "authentication_error")
    }

    @Test func theProbeOfClaudeCode() async throws {
        #expect(try await ScriptedServer(ScriptedGenerator(says: [])).send("HEAD", "/").status == 200)
    }
}
