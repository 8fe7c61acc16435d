import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyServer
import ShimmyService
import ShimmyTestSupport
import Synchronization
import Testing

/// Ollama's routes that use a model, with scripted models.
@Suite struct OllamaRouteTests {
    private struct Broken: Error {}

    private static let chat: JSON = ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]
    private static let prompt: JSON = ["model": "talker", "prompt": "Hi"]
    private static let both = [("/api/chat", chat), ("/api/generate", prompt)]
    private static let all =
        both + [("/api/embed", ["model": "embedder", "input": "Hi"]), ("/api/embeddings", ["model": "embedder", "prompt": "Hi"])]

    private static func with(_ body: JSON, _ field: String, _ value: JSON) -> JSON {
        var fields = body.objectValue ?? [:]
        fields[field] = value
        return .object(fields)
    }

    private static func server() -> ScriptedServer {
        let talker = ScriptedGenerator(says: ["Hel", "lo"])
        return ScriptedServer(models: ["talker": { talker.backend() }, "embedder": { FixedEmbedder.backend([0.5, 0.25]) }])
    }

    /// Returns the text of an answer, or of a stream's value.
    private static func text(_ value: JSON) -> String { value["message"]?["content"]?.stringValue ?? value["response"]?.stringValue ?? "" }

    // MARK: Answers

    @Test(arguments: both) func anAnswerIsAStreamOfLines(path: String, body: JSON) async throws {
        let answer = try await Self.server().post(path, body)
        #expect(answer.status == 200 && answer.header("content-type") == "application/x-ndjson")
        #expect(answer.body.hasSuffix("}\n") && answer.lines.count == 3)
        #expect(answer.lines.map(Self.text) == ["Hel", "lo", ""])
        #expect(answer.lines.map { $0["done"] } == [false, false, true])
        let last = try #require(answer.lines.last)
        #expect(last["done_reason"] == "stop" && last["prompt_eval_count"] == 3 && last["eval_count"] == 2 && last["model"] == "talker")
    }

    @Test(arguments: both) func anAnswerCanBeWhole(path: String, body: JSON) async throws {
        let answer = try await Self.server().post(path, Self.with(body, "stream", false))
        #expect(answer.header("content-type") == "application/json")
        #expect(Self.text(answer.json) == "Hello" && answer.json["done"] == true)
        for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
            #expect(answer.json[name]?.intValue ?? -1 >= 0, "\(name)")
        }
    }

    @Test func aGeneratedTextHasItsTokens() async throws {
        let generator = ScriptedGenerator { _ in
            [
                .event(.delta(choice: 0, .content("x"))), .event(.fact(choice: 0, .tokens([1, 2, 3]))), .event(.finished(choice: 0, .stop)),
                .event(.ended(Usage(promptTokens: 2, cachedPromptTokens: 0, completionTokens: 1))),
            ]
        }
        let answer = try await ScriptedServer(generator).post("/api/generate", Self.with(Self.prompt, "context", [7, 8]))
        #expect(answer.lines.last?["context"] == [1, 2, 3])
        #expect(generator.requests[0].preceding == [7, 8] && generator.requests[0].wantsTokens)
    }

    @Test func anIdleMomentIsNoLine() async throws {
        let generator = ScriptedGenerator { _ in
            [
                .event(.idle), .event(.delta(choice: 0, .content("x"))), .event(.finished(choice: 0, .stop)),
                .event(.ended(Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1))),
            ]
        }
        let answer = try await ScriptedServer(generator).post("/api/chat", Self.chat)
        #expect(answer.lines.count == 2 && answer.body.split(separator: "\n", omittingEmptySubsequences: false).count == 3)
    }

    @Test func namesMayEndInLatest() async throws {
        let answer = try await Self.server().post("/api/chat", Self.with(Self.chat, "model", "talker:latest"))
        #expect(answer.status == 200 && answer.lines[0]["model"] == "talker:latest")
    }

    // MARK: Parameters

    @Test func theModelsOwnParametersReplaceOllamas() async throws {
        let generator = ScriptedGenerator(says: ["x"])
        var server = ScriptedServer(generator)
        _ = try await server.post("/api/chat", Self.chat)
        server.preset = RequestPreset(defaults: ["temperature": 0.25], forced: ["top_k": 3])
        let answer = try await server.post("/api/chat", Self.with(Self.chat, "options", ["top_p": 0.5, "top_k": 9]))
        let sampling = generator.requests.map(\.usual)
        #expect(sampling[0] == [0.8, 0.9, 40])
        #expect(sampling[1] == [0.25, 0.5, 3])
        #expect(answer.header("x-shimmy-forced-params") == "options.top_k")
    }

    @Test(arguments: both) func whatHasNoEffectIsReported(path: String, body: JSON) async throws {
        for body in [body, Self.with(body, "stream", false)] {
            let answer = try await Self.server().post(path, Self.with(body, "options", ["num_keep": 4, "num_ctx": 32]))
            #expect(answer.header("x-shimmy-ignored-params") == "options.num_keep, options.num_ctx")
        }
    }

    @Test func aContextIsExtendedButNotCut() async throws {
        let generator = ScriptedGenerator(says: ["x"])
        let service = ScriptedServer.service(["talker": { generator.backend() }])
        let record = try await service.models.acquire("talker").record
        #expect(try await service.setContext(64, of: "talker", planned: { _ in nil }))
        #expect(try await !service.setContext(32, of: "talker", planned: { _ in nil }), "a longer one is used")
        #expect(service.models.isReady(record))
        #expect(try await service.setContext(128, of: "talker", planned: { _ in nil }))
        #expect(!service.models.isReady(record), "it is reloaded for the next request")
        _ = try await service.models.acquire("talker")
        #expect(service.models.isReady(record))
    }

    // MARK: Truncation

    private static let conversation: JSON = [
        "model": "talker",
        "messages": [
            ["role": "system", "content": "s"], ["role": "user", "content": "a"], ["role": "assistant", "content": "b"],
            ["role": "user", "content": "c"],
        ],
    ]

    /// Returns a model whose context is exceeded by the first of its requests.
    private static func forgetful() -> ScriptedGenerator {
        let isFirst = Mutex(true)
        let answer: @Sendable () -> [ScriptedGenerator.Moment] = {
            [
                .event(.delta(choice: 0, .content("x"))), .event(.finished(choice: 0, .stop)),
                .event(.ended(Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1))),
            ]
        }
        return ScriptedGenerator { _ in
            let wasFirst = isFirst.withLock { first in
                defer { first = false }
                return first
            }
            if wasFirst { throw GenerationError.contextExceeded(prompt: 70, requested: nil, context: 64) }
            return answer()
        }
    }

    @Test func theOldestMessagesAreDropped() async throws {
        let generator = Self.forgetful()
        let answer = try await ScriptedServer(generator).post("/api/chat", Self.conversation)
        #expect(answer.status == 200 && answer.header("x-shimmy-dropped-items") == "2")
        #expect(generator.requests.last?.conversation.messages == [ChatMessage(.system, "s"), ChatMessage(.user, "c")])
    }

    @Test func nothingIsDroppedAgainstTheClientsWill() async throws {
        let answer = try await ScriptedServer(Self.forgetful()).post("/api/chat", Self.with(Self.conversation, "truncate", false))
        #expect(answer.status == 400 && answer.json["error"]?.stringValue?.contains("maximum context length") == true)
        let single = try await ScriptedServer(Self.forgetful()).post("/api/chat", Self.chat)
        #expect(single.status == 400)
    }

    // MARK: Models

    @Test(arguments: both) func aRequestWithoutAPromptLoadsAndUnloads(path: String, body: JSON) async throws {
        let empty: JSON = ["model": "talker"]
        let loaded = try await Self.server().post(path, empty)
        #expect(loaded.status == 200 && loaded.header("content-type") == "application/json")
        #expect(loaded.json["done"] == true && loaded.json["done_reason"] == "load" && Self.text(loaded.json) == "")
        let unloaded = try await Self.server().post(path, Self.with(empty, "keep_alive", 0))
        #expect(unloaded.json["done_reason"] == "unload")
        #expect(try await Self.server().post(path, ["model": "nobody", "keep_alive": 0]).status == 404)
        let failed = try await ScriptedServer(models: ["talker": { throw Broken() }]).post(path, empty)
        #expect(failed.status == 500, "\(failed.body)")
    }

    @Test func vectorsOfTexts() async throws {
        let server = Self.server()
        let answer = try await server.post("/api/embed", ["model": "embedder", "input": ["a", "b"], "options": ["num_ctx": 8]])
        #expect(answer.json["embeddings"] == [[0.5, 0.25], [0.5, 0.25]] && answer.json["prompt_eval_count"] == 2)
        #expect(answer.header("x-shimmy-ignored-params") == "options.num_ctx")
        #expect(try await server.post("/api/embed", ["model": "embedder"]).json["embeddings"] == [])
        #expect(try await server.post("/api/embeddings", ["model": "embedder", "prompt": "a"]).json == ["embedding": [0.5, 0.25]])
    }

    // MARK: Errors

    @Test(arguments: all) func errorsAreTexts(path: String, body: JSON) async throws {
        let server = Self.server()
        let unknown = try await server.post(path, Self.with(body, "model", "nobody"))
        #expect(unknown.status == 404 && unknown.json == ["error": "model 'nobody' not found"])
        let malformed = try await server.send("POST", path, "{")
        #expect(malformed.status == 400 && malformed.json["error"]?.stringValue != nil)
        let nameless = try await server.post(path, [:])
        #expect(nameless.status == 400 && nameless.json == ["error": "Missing required parameter: 'model'."])
        let method = try await server.send("GET", path)
        #expect(method.status == 405 && method.json["error"]?.stringValue != nil)
        #expect(try await server.send("POST", path + "/x").json["error"]?.stringValue != nil)
    }

    @Test(arguments: both) func aFailureEndsAStreamWithTheError(path: String, body: JSON) async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("x"))), .failure(Broken())] })
        let stream = try await server.post(path, body)
        #expect(stream.status == 200 && stream.lines.count == 2 && Self.text(stream.lines[0]) == "x")
        #expect(stream.lines[1]["error"]?.stringValue?.isEmpty == false && stream.lines[1]["done"] == nil)
        let whole = try await server.post(path, Self.with(body, "stream", false))
        #expect(whole.status == 500 && whole.json["error"]?.stringValue != nil && !whole.body.contains("Broken"))
    }

    @Test func aKeyIsNeeded() async throws {
        var server = Self.server()
        server.configuration = ServerConfiguration(access: .init(apiKeys: [APIKey("k")]))
        let answer = try await server.post("/api/chat", Self.chat)
        #expect(answer.status == 401 && answer.json["error"]?.stringValue != nil)
        #expect(try await server.post("/api/chat", Self.chat, headers: ["authorization": "Bearer k"]).status == 200)
    }

    // MARK: Content types and web pages

    @Test(arguments: ["application/x-www-form-urlencoded", "text/plain", ""]) func aBodyMayHaveAnyType(type: String) async throws {
        for (path, body) in Self.all { #expect(try await Self.server().post(path, body, headers: ["content-type": type]).status == 200) }
        #expect(try await Self.server().post("/v1/chat/completions", Self.chat, headers: ["content-type": type]).status == 415)
    }

    /// A browser sends such requests without a preflight.
    @Test(arguments: [
        ["origin": "https://evil.example"], ["origin": "null"], ["sec-fetch-site": "cross-site"],
        ["origin": "https://evil.example", "sec-fetch-site": "same-site"],
    ])
    func aSimpleRequestOfAForeignPageCausesNothing(headers: [String: String]) async throws {
        for (path, body) in Self.all {
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
                let server = ScriptedServer(models: ["talker": { throw Broken() }, "embedder": { throw Broken() }])
                let answer = try await server.post(path, body, headers: headers.merging(["content-type": type]) { $1 })
                #expect(answer.status == 403 && answer.json["error"]?.stringValue != nil, "\(path)")
            }
        }
    }
}

extension ChatRequest {
    /// The sampling parameters that Ollama has defaults for.
    fileprivate var usual: [Float] { [sampling.temperature, sampling.topP, Float(sampling.topK)] }
}
