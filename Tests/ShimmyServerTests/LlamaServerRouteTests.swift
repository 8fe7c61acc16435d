import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The routes of llama-server's own API, with scripted models.
@Suite struct LlamaServerRouteTests {
    private struct Broken: Error {}

    private static let prompt: JSON = ["model": "talker", "prompt": "Hi", "n_predict": 5]
    private static let gap: JSON = ["model": "talker", "input_prefix": "a", "input_suffix": "b"]
    private static let both = [("/completion", prompt), ("/infill", gap)]
    private static let all =
        both + [
            ("/embedding", ["model": "embedder", "content": "Hi"]),
            ("/apply-template", ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]),
        ]

    private static func with(_ body: JSON, _ field: String, _ value: JSON?) -> JSON {
        var fields = body.objectValue ?? [:]
        fields[field] = value
        return .object(fields)
    }

    /// Returns a model whose choices all say `Hel` and `lo`.
    private static func talker(_ report: AnswerReport = AnswerReport()) -> ScriptedGenerator {
        ScriptedGenerator(report: report) { choices in
            let parts = (0..<choices).flatMap { choice -> [ScriptedGenerator.Moment] in
                [
                    .event(.fact(choice: choice, .promptComputed(Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 0)))),
                    .event(.fact(choice: choice, .generated([7]))), .event(.delta(choice: choice, .content("Hel"))),
                    .event(.fact(choice: choice, .generated([8]))), .event(.delta(choice: choice, .content("lo"))),
                    .event(.finished(choice: choice, .stop)),
                ]
            }
            return parts + [.event(.ended(Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2 * choices)))]
        }
    }

    private static func server() -> ScriptedServer {
        let talker = talker()
        return ScriptedServer(models: ["talker": { talker.backend() }, "embedder": { FixedEmbedder.backend([0.6, 0.8]) }])
    }

    // MARK: Answers

    @Test(arguments: both) func anAnswerIsOneObject(path: String, body: JSON) async throws {
        let answer = try await Self.server().post(path, body)
        #expect(answer.status == 200 && answer.header("content-type") == "application/json")
        #expect(answer.json["content"] == "Hello" && answer.json["stop"] == true && answer.json["tokens_evaluated"] == 3)
        #expect(answer.json["model"] == "talker" && answer.json["stop_type"] == "eos" && answer.json["truncated"] == false)
    }

    @Test(arguments: both) func anAnswerIsStreamed(path: String, body: JSON) async throws {
        let answer = try await Self.server().post(path, Self.with(body, "stream", true))
        #expect(answer.header("content-type") == "text/event-stream" && !answer.body.contains("[DONE]"))
        #expect(answer.events.map { $0["content"] } == ["Hel", "lo", ""] && answer.events.map { $0["stop"] } == [false, false, true])
        #expect(answer.events.map { $0["tokens"] } == [[7], [8], []])
    }

    @Test func severalAnswersAreAnArray() async throws {
        let answer = try await Self.server().post("/completion", Self.with(Self.prompt, "n_cmpl", 2))
        #expect((answer.json.arrayValue ?? []).map { $0["index"] } == [0, 1])
    }

    @Test func droppedFilesAreReported() async throws {
        var report = AnswerReport()
        report.droppedFiles = 2
        let answer = try await ScriptedServer(Self.talker(report)).post("/infill", Self.gap)
        #expect(answer.header("x-shimmy-dropped-items") == "2" && answer.json["truncated"] == true)
    }

    @Test func settingsComeFromTheModelAndThePreset() async throws {
        var server = Self.server()
        server.preset = RequestPreset(defaults: ["temperature": 0.25], forced: ["top_k": 3])
        let answer = try await server.post("/completion", Self.with(Self.prompt, "top_k", 9))
        let settings = answer.json["generation_settings"]
        #expect(settings?["temperature"] == 0.25 && settings?["top_k"] == 3 && settings?["top_p"] == 0.95 && settings?["min_p"] == 0.05)
        #expect(answer.header("x-shimmy-forced-params") == "top_k")
    }

    // MARK: Models

    @Test(arguments: all) func theModelNeedNoName(path: String, body: JSON) async throws {
        let (name, server) = (body["model"]?.stringValue ?? "", Self.server())
        for unnamed in [Self.with(body, "model", nil), Self.with(body, "model", .null), Self.with(body, "model", " ")] {
            #expect(try await server.post(path, unnamed).status == 200)
            #expect(try await server.post(path + "?model=\(name)", unnamed).status == 200)
            #expect(try await server.post(path + "?model=nobody", unnamed).status == 404)
        }
        #expect(try await server.post(path + "?model=nobody", body).status == 200, "the body's name wins")
    }

    @Test func amongSeveralModelsOneMustBeNamed() async throws {
        let (one, other) = (Self.talker(), Self.talker())
        let server = ScriptedServer(models: ["talker": { one.backend() }, "teller": { other.backend() }])
        let unnamed = Self.with(Self.prompt, "model", nil)
        let answer = try await server.post("/completion", unnamed)
        #expect(answer.status == 400 && answer.json["error"]?["message"] == "Missing required parameter: 'model'.")
        #expect(try await server.post("/completion?model=teller", unnamed).json["model"] == "teller")
    }

    @Test func modelsHaveProperties() async throws {
        var server = Self.server()
        server.configuration.version = "1.2.3"
        var facts = TokenizerFacts(beginning: "<s>", end: "</s>", template: "{{ messages }}")
        facts.infills = true
        server.tokenizer = facts
        let answer = try await server.send("GET", "/props")
        #expect(answer.status == 200 && answer.json["model_alias"] == "talker" && answer.json["model_path"] == "talker")
        #expect(answer.json["chat_template"] == "{{ messages }}" && answer.json["bos_token"] == "<s>" && answer.json["eos_token"] == "</s>")
        #expect(answer.json["is_sleeping"] == true && answer.json["build_info"] == "shimmy 1.2.3", "it loads no model")
        let params = answer.json["default_generation_settings"]?["params"]
        #expect(params?["temperature"] == 0.8 && params?["n_predict"] == -1)
        #expect(try await server.send("GET", "/props?model=nobody").status == 404)
        server.tokenizer = nil
        #expect(try await server.send("GET", "/props?model=talker").json["chat_template"] == "")
        let empty = try await ScriptedServer(models: [:]).send("GET", "/props")
        #expect(empty.status == 200 && empty.json["role"] == "router")
    }

    @Test func withoutALoadedModelThereAreNoSlots() async throws {
        for path in ["/slots", "/slots?fail_on_no_slot=1", "/slots?model=talker"] {
            let answer = try await Self.server().send("GET", path)
            #expect(answer.status == 200 && answer.json == [])
        }
        #expect(try await Self.server().send("GET", "/slots?model=nobody").status == 404)
        #expect(try await Self.server().post("/slots/0?action=erase", [:]).status == 404)
        #expect(try await Self.server().post("/props", [:]).status == 405)
    }

    // MARK: Other routes

    @Test func vectorsOfTexts() async throws {
        let answer = try await Self.server().post("/embedding", ["content": ["a", "b"], "unheard_of": 1])
        #expect(answer.json == [["index": 0, "embedding": [[0.6, 0.8]]], ["index": 1, "embedding": [[0.6, 0.8]]]])
        #expect(answer.header("x-shimmy-ignored-params") == "unheard_of")
    }

    @Test func promptsAreRenderedAndCounted() async throws {
        let body: JSON = ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]
        #expect(try await Self.server().post("/apply-template", body).json == ["prompt": "a prompt"])
        for path in ["/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"] {
            #expect(try await Self.server().post(path, body).json == ["object": "response.input_tokens", "input_tokens": 3])
        }
        #expect(try await Self.server().post("/v1/chat/completions/input_tokens", ["messages": []]).error.hasPrefix("400 "))
    }

    // MARK: Errors

    @Test(arguments: all) func errorsHaveANumber(path: String, body: JSON) async throws {
        let server = Self.server()
        let unknown = try await server.post(path, Self.with(body, "model", "nobody"))
        #expect(unknown.status == 404 && unknown.json["error"]?["code"] == 404 && unknown.json["error"]?["type"] == "not_found_error")
        let malformed = try await server.send("POST", path, "{")
        #expect(malformed.status == 400 && malformed.json["error"]?["code"] == 400)
        #expect(malformed.json["error"]?["type"] == "invalid_request_error" && malformed.json["error"]?["message"]?.stringValue != nil)
        let method = try await server.send("GET", path)
        #expect(method.status == 405 && method.json["error"]?["code"] == 405)
        #expect(Set(method.json["error"]?.objectValue?.keys ?? []) == ["code", "message", "type"])
    }

    @Test func aModelThatCannotFillGapsSaysSo() async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in throw GenerationError.noInfill })
        let answer = try await server.post("/infill", Self.gap)
        #expect(answer.status == 400 && answer.json["error"]?["type"] == "not_supported_error")
    }

    @Test(arguments: both) func aFailureEndsAStreamWithTheError(path: String, body: JSON) async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x"))), .failure(Broken())] })
        let stream = try await server.post(path, Self.with(body, "stream", true))
        #expect(stream.status == 200 && stream.events.count == 2 && stream.events[1]["error"]?["code"] == 500)
        let whole = try await server.post(path, body)
        #expect(whole.status == 500 && whole.json["error"]?["type"] == "server_error" && !whole.body.contains("Broken"))
    }

    @Test(arguments: ["application/x-www-form-urlencoded", "text/plain", ""]) func aBodyMayHaveAnyType(type: String) async throws {
        for (path, body) in Self.all { #expect(try await Self.server().post(path, body, headers: ["content-type": type]).status == 200) }
    }

    @Test(arguments: all) func aForeignPageCausesNothing(path: String, body: JSON) async throws {
        let server = ScriptedServer(models: ["talker": { throw Broken() }, "embedder": { throw Broken() }])
        let answer = try await server.post(path, body, headers: ["content-type": "text/plain", "origin": "https://evil.example"])
        #expect(answer.status == 403 && answer.json["error"]?["type"] == "permission_error")
    }
}
