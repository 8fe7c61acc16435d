import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The routes that answer, in all dialects and forms, with scripted models.
@Suite struct AnswerRouteTests {
    private struct Broken: Error {}

    private static let chat: JSON = ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]
    private static let completion: JSON = ["model": "talker", "prompt": "Hi"]
    private static let response: JSON = ["model": "talker", "input": "Hi"]
    private static let all = [("/v1/chat/completions", chat), ("/v1/completions", completion), ("/v1/responses", response)]

    private static func streamed(_ body: JSON) -> JSON { with(body, "stream", true) }

    private static func with(_ body: JSON, _ field: String, _ value: JSON) -> JSON {
        var fields = body.objectValue ?? [:]
        fields[field] = value
        return .object(fields)
    }

    /// Returns the texts of a stream, joined.
    private static func text(_ events: [JSON]) -> String {
        events.map { event in
            let choice = event["choices"]?.arrayValue?.first
            return choice?["delta"]?["content"]?.stringValue ?? choice?["text"]?.stringValue
                ?? (event["type"]?.stringValue == "response.output_text.delta" ? event["delta"]?.stringValue : nil) ?? ""
        }.joined()
    }

    // MARK: Whole

    @Test func aWholeChatCompletion() async throws {
        let generator = ScriptedGenerator(says: ["Hel", "lo"])
        let answer = try await ScriptedServer(generator).post("/v1/chat/completions", Self.with(Self.chat, "n", 2))
        #expect(answer.status == 200)
        let choices = try #require(answer.json["choices"]?.arrayValue)
        #expect(choices.map { $0["message"]?["content"]?.stringValue } == ["Hello", "Hello"])
        #expect(choices.map { $0["finish_reason"]?.stringValue } == ["stop", "stop"])
        #expect(answer.json["usage"]?["completion_tokens"]?.intValue == 4)
        #expect(answer.json["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.intValue == 1)
        #expect(generator.requests.map(\.choices) == [2])
        #expect(generator.ended > 0)
    }

    @Test func aWholeCompletion() async throws {
        let body: JSON = ["model": "talker", "prompt": ["a", "b"], "echo": true]
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["x", "y"])).post("/completions", body)
        #expect(answer.json["choices"]?.arrayValue?.map { $0["text"]?.stringValue } == ["axy", "bxy"])
        #expect(answer.json["object"]?.stringValue == "text_completion")
    }

    @Test func aWholeResponse() async throws {
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["Hel", "lo"])).post("/v1/responses", Self.response)
        #expect(answer.json["status"]?.stringValue == "completed")
        #expect(answer.json["output"]?.arrayValue?.first?["content"]?.arrayValue?.first?["text"]?.stringValue == "Hello")
        #expect(answer.json["usage"]?["output_tokens"]?.intValue == 2)
    }

    // MARK: Streams

    @Test(arguments: [("/v1/chat/completions", chat), ("/v1/completions", completion)])
    func aStreamOfUnnamedEvents(path: String, body: JSON) async throws {
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["Hel", "lo"])).post(
            path, Self.with(Self.streamed(body), "stream_options", ["include_usage": true]))
        #expect(answer.header("content-type") == "text/event-stream")
        #expect(answer.data.last == "[DONE]")
        #expect(Self.text(answer.events) == "Hello")
        #expect(answer.events.last?["usage"]?["completion_tokens"]?.intValue == 2)
        #expect(answer.events.last?["choices"] == [])
        #expect(answer.events.dropLast().allSatisfy { $0["usage"] == .null })
        #expect(answer.events.dropLast().last?["choices"]?.arrayValue?.first?["finish_reason"]?.stringValue == "stop")
    }

    @Test func aStreamWithoutUsageEndsWithTheReason() async throws {
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["Hi"])).post("/v1/chat/completions", Self.streamed(Self.chat))
        #expect(answer.data.last == "[DONE]")
        #expect(!answer.body.contains(": ping"), "the end of a stream is not a ping")
        #expect(answer.events.allSatisfy { $0["usage"] == nil })
        #expect(answer.events.last?["choices"]?.arrayValue?.first?["finish_reason"]?.stringValue == "stop")
    }

    @Test func aStreamOfNamedEvents() async throws {
        let answer = try await ScriptedServer(ScriptedGenerator(says: ["Hel", "lo"])).post("/v1/responses", Self.streamed(Self.response))
        #expect(Self.text(answer.events) == "Hello")
        #expect(answer.events.compactMap { $0["sequence_number"]?.intValue } == Array(0..<answer.events.count))
        #expect(answer.events.last?["type"]?.stringValue == "response.completed")
        #expect(!answer.body.contains("[DONE]"))
        for event in answer.events { #expect(answer.body.contains("event: \(event["type"]?.stringValue ?? "?")\n")) }
    }

    @Test func anIdleMomentIsAPing() async throws {
        let generator = ScriptedGenerator { _ in
            [
                .event(.idle), .event(.delta(choice: 0, .content("x"))), .event(.finished(choice: 0, .stop)),
                .event(.ended(Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1))),
            ]
        }
        for (path, body) in Self.all {
            let answer = try await ScriptedServer(generator).post(path, Self.streamed(body))
            #expect(answer.body.split(separator: "\n").count { $0 == ": ping" } == 1, "\(path)")
            #expect(Self.text(answer.events) == "x")
        }
    }

    /// A prompt that waits while another one has ended keeps its stream alive.
    @Test func anIdleMomentOfAWaitingPromptIsAPing() async throws {
        let generator = ScriptedGenerator { _ in
            [
                .event(.delta(choice: 0, .content("x"))), .event(.finished(choice: 0, .stop)), .event(.idle), .event(.idle),
                .event(.delta(choice: 1, .content("y"))), .event(.finished(choice: 1, .stop)),
                .event(.ended(Usage(promptTokens: 2, cachedPromptTokens: 0, completionTokens: 2))),
            ]
        }
        let body: JSON = ["model": "talker", "prompt": ["a", "b"], "stream": true]
        let answer = try await ScriptedServer(generator).post("/v1/completions", body)
        let pings = answer.body.split(separator: "\n").count { $0 == ": ping" }
        #expect(pings == 2)
        #expect(Self.text(answer.events) == "xy")
    }

    // MARK: Failures

    @Test(arguments: all) func anAnswerThatFailsBeforeItsFirstToken(path: String, body: JSON) async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.failure(Broken())] })
        let whole = try await server.post(path, body)
        #expect(whole.error == "500 - -")
        #expect(whole.json["error"]?["type"]?.stringValue == "server_error")
        #expect(!whole.body.contains("Broken"), "an error of the server's own reveals nothing")
    }

    @Test(arguments: [("/v1/chat/completions", chat), ("/v1/completions", completion)])
    func anUnnamedStreamThatFailsEndsWithTheError(path: String, body: JSON) async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x"))), .failure(Broken())] })
        let stream = try await server.post(path, Self.streamed(body))
        #expect(stream.status == 200)
        #expect(Self.text(stream.events) == "x")
        #expect(stream.events.last?["error"]?["type"]?.stringValue == "server_error")
        #expect(!stream.body.contains("[DONE]"), "a client that waits for the end must not take this for one")
    }

    @Test func aNamedStreamThatFailsEndsWithTheFailedResponse() async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x"))), .failure(Broken())] })
        let stream = try await server.post("/v1/responses", Self.streamed(Self.response))
        #expect(stream.events.suffix(2).map { $0["type"]?.stringValue } == ["error", "response.failed"])
        #expect(stream.events.last?["response"]?["output"]?.arrayValue?.first?["content"]?.arrayValue?.first?["text"]?.stringValue == "x")
    }

    @Test(arguments: all) func anAnswerWithoutAnEndIsAnError(path: String, body: JSON) async throws {
        let answer = try await ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x")))] }).post(path, body)
        #expect(answer.status == 500)
    }

    @Test(arguments: all) func whatAModelRefusesIsTheClientsMistake(path: String, body: JSON) async throws {
        let generator = ScriptedGenerator { _ in throw GenerationError.contextExceeded(prompt: 100, requested: nil, context: 64) }
        let field = path.hasSuffix("responses") ? "input" : path.hasSuffix("chat/completions") ? "messages" : "prompt"
        for body in [body, Self.streamed(body)] {
            let answer = try await ScriptedServer(generator).post(path, body)
            #expect(answer.error == "400 context_length_exceeded \(field)")
        }
    }

    @Test(arguments: all) func aFullQueueIsA429(path: String, body: JSON) async throws {
        let answer = try await ScriptedServer(ScriptedGenerator { _ in throw QueueFull(retryAfter: 4) }).post(path, body)
        #expect(answer.status == 429)
        #expect(answer.header("retry-after") == "4")
    }

    @Test(arguments: all) func aModelThatDoesNotLoad(path: String, body: JSON) async throws {
        let answer = try await ScriptedServer(models: ["talker": { throw Broken() }]).post(path, body)
        #expect(answer.error == "500 model_load_failed -")
    }

    // MARK: Roles

    @Test func aModelOfAnotherRoleIsRefusedBeforeItIsLoaded() async throws {
        let server = ScriptedServer(models: [
            "talker": { throw Broken() }, "embedder": { throw Broken() }, "judge": { throw Broken() },
        ])
        let requests: [(String, JSON)] = [
            ("/v1/chat/completions", Self.with(Self.chat, "model", "embedder")), ("/v1/completions", Self.with(Self.completion, "model", "judge")),
            ("/v1/responses", Self.with(Self.response, "model", "embedder")), ("/v1/embeddings", ["model": "talker", "input": "x"]),
            ("/v1/embeddings", ["model": "judge", "input": "x"]), ("/v1/rerank", ["model": "talker", "query": "q", "documents": ["d"]]),
            ("/v1/chat/completions", Self.streamed(Self.with(Self.chat, "model", "embedder"))),
        ]
        for (path, body) in requests {
            let answer = try await server.post(path, body)
            #expect(answer.error == "400 model_not_usable model", "\(path)")
            #expect(answer.json["error"]?["message"]?.stringValue?.contains("was made for") == true)
        }
    }

    /// A file can say something else about itself than its content.
    @Test func aModelWithoutTheRoleThatItsRecordSays() async throws {
        let nothing: @Sendable () -> Backend = { FakeBackend().backend }
        let server = ScriptedServer(models: ["talker": nothing, "embedder": nothing])
        for (path, body) in Self.all { #expect(try await server.post(path, body).error == "400 model_not_usable model") }
        #expect(try await server.post("/v1/embeddings", ["model": "embedder", "input": "x"]).error == "400 model_not_usable model")
    }

    // MARK: Reports

    @Test(arguments: all) func whatDeviatesIsReported(path: String, body: JSON) async throws {
        var report = AnswerReport(normalizations: ["joined"], unenforced: ["f#/pattern"])
        report.clampedTokens = 7
        let server = ScriptedServer(ScriptedGenerator(says: ["x"], report: report))
        for body in [body, Self.streamed(body)] {
            let answer = try await server.post(path, Self.with(body, "unheard_of", 1))
            #expect(answer.header("x-shimmy-normalized") == "joined")
            #expect(answer.header("x-shimmy-unenforced") == "f#/pattern")
            #expect(answer.header("x-shimmy-clamped-tokens") == "7")
            #expect(answer.header("x-shimmy-ignored-params") == "unheard_of")
        }
    }

    @Test(arguments: all) func aPresetsValuesAreReported(path: String, body: JSON) async throws {
        var server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        server.preset = RequestPreset(defaults: [:], forced: ["temperature": 0])
        for body in [body, Self.streamed(body)] {
            #expect(try await server.post(path, Self.with(body, "temperature", 1)).header("x-shimmy-forced-params") == "temperature")
        }
    }

    @Test func whatIsStoredNeedsAStorage() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        #expect(try await server.post("/v1/chat/completions", Self.with(Self.chat, "store", true)).error == "400 unsupported_parameter store")
        #expect(try await server.post("/v1/responses", Self.with(Self.response, "background", true)).error == "400 unsupported_parameter background")
    }
}
