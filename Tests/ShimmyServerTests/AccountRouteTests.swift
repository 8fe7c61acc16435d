import Foundation
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyServer
import ShimmyService
import ShimmyTestSupport
import Synchronization
import Testing

/// The limits of keys and the record of usage, as clients see them.
@Suite struct AccountRouteTests {
    /// A directory that is deleted with the test, a clock, and a record of usage.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/accounts-\(UUID().uuidString)"
        let clock = Mutex(QuotaMoment(milliseconds: 0, day: 20_000, dayRemaining: 3_600_000))

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        /// Returns accounts, as a process makes them at its start.
        func accounts(cachedTokenFactor: Double = 1) async throws -> Accounts {
            let usage = UsageRecorder(store: UsageStore(directory: directory), days: 9, today: { self.clock.withLock { $0.day } })
            let quotas = Quotas { self.clock.withLock { $0 } }
            let (day, tokens) = try await usage.load()
            quotas.restore(tokens, day: day)
            return Accounts(quotas: quotas, usage: usage, cachedTokenFactor: cachedTokenFactor)
        }
    }

    private struct Broken: Error {}

    private static func server(
        _ accounts: Accounts, _ limits: AccessKey.Limits, _ generator: ScriptedGenerator = ScriptedGenerator(says: ["a", "b"]),
        trustsUserHeaders: Bool = false
    ) -> ScriptedServer {
        func known(_ text: String, _ role: AccessKey.Role, _ limits: AccessKey.Limits) -> ServerAccess.ConfiguredKey {
            let created = Date(timeIntervalSince1970: 0)
            return ServerAccess.ConfiguredKey(
                hash: KeyHash(of: text), key: AccessKey(id: text, name: text, role: role, limits: limits, created: created))
        }
        var server = ScriptedServer(models: ["talker": { generator.backend() }, "embedder": { FixedEmbedder.backend([1]) }])
        server.configuration = ServerConfiguration(
            access: .init(keys: [known("ann", .user, limits), known("admin", .admin, .init())], trustsUserHeaders: trustsUserHeaders))
        server.configuration.accounts = accounts
        server.configuration.loadSilence = .seconds(3600)
        return server
    }

    private static func bearer(_ key: String) -> [String: String] { ["authorization": "Bearer \(key)"] }
    private static let ann = bearer("ann")

    private static func chat(_ fields: JSONObject = [:]) -> JSON {
        var object: JSONObject = ["model": "talker", "messages": [["role": "user", "content": "Hi"]], "max_tokens": 10]
        for (name, value) in fields { object[name] = value }
        return .object(object)
    }

    // MARK: Limits

    /// The requests of all APIs, with the path of their usage.
    private static let requests: [(path: String, body: JSON)] = [
        ("/v1/chat/completions", chat()), ("/v1/chat/completions", chat(["stream": true])),
        ("/v1/completions", ["model": "talker", "prompt": "Hi", "max_tokens": 10]),
        ("/v1/responses", ["model": "talker", "input": "Hi"]),
        ("/v1/messages", ["model": "talker", "max_tokens": 10, "messages": [["role": "user", "content": "Hi"]]]),
        ("/api/chat", ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]), ("/api/generate", ["model": "talker", "prompt": "Hi"]),
        ("/api/chat", ["model": "talker", "messages": []]), ("/api/generate", ["model": "talker", "keep_alive": "5m"]),
        ("/completion", ["model": "talker", "prompt": "Hi"]), ("/v1/embeddings", ["model": "embedder", "input": "Hi"]),
        ("/api/embed", ["model": "embedder", "input": "Hi"]),
        ("/v1/responses/input_tokens", ["model": "talker", "input": "Hi"]),
        ("/v1/messages/count_tokens", ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]),
        ("/v1/chat/completions/input_tokens", ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]),
        ("/v1/chat/completions/render", ["model": "talker", "messages": [["role": "user", "content": "Hi"]]]),
    ]

    @Test(arguments: requests.indices) func aLimitAppliesToEachAPI(index: Int) async throws {
        let (path, body) = Self.requests[index]
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 1))
        let first = try await server.post(path, body, headers: Self.ann)
        #expect(first.status == 200, "\(first.body)")
        #expect(first.header("x-ratelimit-limit-requests") == "1" && first.header("x-ratelimit-remaining-requests") == "0")
        #expect(first.header("x-ratelimit-reset-requests") == "1m1s" && first.header("x-ratelimit-limit-tokens") == nil)
        let second = try await server.post(path, body, headers: Self.ann)
        #expect(second.status == 429 && second.header("retry-after") == "61" && second.header("x-ratelimit-remaining-requests") == "0")
        #expect(second.body.contains("requests per min (RPM): Limit 1, Used 1"))
        #expect(try await server.post(path, body, headers: Self.bearer("admin")).status == 200)
    }

    @Test func anErrorHasTheFormOfItsAPI() async throws {
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 1, tokensPerMinute: 5000))
        let message: JSON = ["model": "talker", "max_tokens": 10, "messages": [["role": "user", "content": "Hi"]]]
        #expect(try await server.post("/v1/messages", message, headers: Self.ann).status == 200)
        let anthropic = try await server.post("/v1/messages", message, headers: Self.ann)
        #expect(anthropic.json["error"]?["type"] == "rate_limit_error" && anthropic.header("anthropic-ratelimit-requests-remaining") == "0")
        #expect(anthropic.header("anthropic-ratelimit-tokens-limit") == "5000")
        #expect(anthropic.header("anthropic-ratelimit-tokens-reset")?.hasSuffix("Z") == true)
        let openAI = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        #expect(openAI.error == "429 rate_limit_exceeded -" && openAI.json["error"]?["type"] == "requests")
        let ollama = try await server.post("/api/generate", ["model": "talker", "prompt": "Hi"], headers: Self.ann)
        #expect(ollama.json["error"]?.stringValue?.contains("Rate limit") == true)
        // A list of models computes nothing, so it is not counted.
        let models = try await server.send("GET", "/v1/models", headers: Self.ann)
        #expect(models.status == 200 && models.header("x-ratelimit-remaining-requests") == "0")
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer("admin")).header("x-ratelimit-limit-requests") == nil)
    }

    @Test func aReservationIsReplacedByTheUse() async throws {
        let server = Self.server(try await Place().accounts(), .init(tokensPerMinute: 1000))
        let answer = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        // Headers are sent before a stream; a whole answer is settled by then: 3 tokens of the prompt and 2 of the answer.
        #expect(answer.header("x-ratelimit-remaining-tokens") == "995")
        _ = try await server.post("/v1/chat/completions", Self.chat(["stream": true, "n": 2]), headers: Self.ann)
        #expect(try await server.send("GET", "/v1/models", headers: Self.ann).header("x-ratelimit-remaining-tokens") == "988")
    }

    /// A model whose prompts have 40 tokens, although their bodies are small.
    private static let dense = ScriptedGenerator { _ in
        [.event(.finished(choice: 0, .stop)), .event(.ended(Usage(promptTokens: 40, cachedPromptTokens: 0, completionTokens: 5)))]
    }

    @Test func aPromptThatIsLongerThanEstimatedIsChecked() async throws {
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 9, tokensPerMinute: 100), Self.dense)
        for remaining in ["55", "10"] {
            let answer = try await server.post("/v1/chat/completions", Self.chat(["max_tokens": 1]), headers: Self.ann)
            #expect(answer.status == 200 && answer.header("x-ratelimit-remaining-tokens") == remaining)
        }
    }

    @Test func anAnswerIsLimitedToTheRest() async throws {
        let server = Self.server(try await Place().accounts(), .init(tokensPerMinute: 100), Self.dense)
        let answer = try await server.post("/v1/chat/completions", Self.chat(["max_tokens": 500]), headers: Self.ann)
        #expect(answer.status == 200 && answer.header("x-shimmy-clamped-tokens") == "60")
    }

    @Test(arguments: [false, true]) func aPromptThatExceedsALimitIsRefusedBeforeTheWork(streams: Bool) async throws {
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 9, tokensPerMinute: 40), Self.dense)
        let body = Self.chat(["max_tokens": 1, "stream": .bool(streams)])
        let refused = try await server.post("/v1/chat/completions", body, headers: Self.ann)
        #expect(refused.error == "429 rate_limit_exceeded -" && refused.body.contains("Requested 41"))
        // The reservation and the request are returned.
        #expect(refused.header("x-ratelimit-remaining-tokens") == "40" && refused.header("x-ratelimit-remaining-requests") == "9")
        let day = Self.server(try await Place().accounts(), .init(tokensPerDay: 40), Self.dense)
        #expect(try await day.post("/v1/chat/completions", body, headers: Self.ann).error == "429 insufficient_quota -")
    }

    @Test func cachedTokensCountByTheirFactor() async throws {
        let server = Self.server(try await Place().accounts(cachedTokenFactor: 0), .init(tokensPerMinute: 1000))
        #expect(try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann).header("x-ratelimit-remaining-tokens") == "996")
    }

    /// The client's usage is that of the answer; its limit also counts the tokens of an answer that was rejected.
    @Test func rejectedAnswersCount() async throws {
        let generator = ScriptedGenerator { _ in
            var usage = Usage(promptTokens: 40, cachedPromptTokens: 0, completionTokens: 5)
            usage.rejected.add(Usage(promptTokens: 40, cachedPromptTokens: 0, completionTokens: 7))
            return [.event(.finished(choice: 0, .stop)), .event(.ended(usage))]
        }
        let server = Self.server(try await Place().accounts(), .init(tokensPerMinute: 1000), generator)
        let answer = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        #expect(answer.json["usage"]?["prompt_tokens"] == 40 && answer.json["usage"]?["completion_tokens"] == 5)
        #expect(answer.header("x-ratelimit-remaining-tokens") == "908")
    }

    @Test func failedWorkIsRefunded() async throws {
        let broken = ScriptedGenerator { _ in [.event(.delta(choice: 0, .content("a"))), .failure(Broken())] }
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 2, tokensPerMinute: 100, concurrency: 1), broken)
        for stream in [false, true, false] {
            _ = try await server.post("/v1/chat/completions", Self.chat(["stream": .bool(stream)]), headers: Self.ann)
            let state = try await server.send("GET", "/v1/models", headers: Self.ann)
            #expect(state.header("x-ratelimit-remaining-requests") == "2" && state.header("x-ratelimit-remaining-tokens") == "100")
        }
        // A mistake of the client costs a request, but no tokens.
        let refusing = ScriptedGenerator { _ in throw GenerationError.contextExceeded(prompt: 100, requested: 1, context: 64, isFewest: false) }
        let other = Self.server(try await Place().accounts(), .init(requestsPerMinute: 2, tokensPerMinute: 100), refusing)
        let refused = try await other.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        #expect(refused.error == "400 context_length_exceeded messages" && refused.header("x-ratelimit-remaining-requests") == "1")
        #expect(refused.header("x-ratelimit-remaining-tokens") == "100")
    }

    /// Mistakes that are found after the admission, whether before or after the model is loaded.
    private static let mistakes: [(path: String, body: JSON, status: Int)] = [
        ("/v1/chat/completions", chat(["model": "nothing"]), 404), ("/v1/chat/completions", chat(["model": "nothing", "stream": true]), 404),
        ("/v1/chat/completions", chat(["model": "embedder"]), 400), ("/v1/chat/completions", chat(["store": true]), 400),
        ("/v1/completions", ["model": "nothing", "prompt": "Hi"], 404),
        ("/v1/responses", ["model": "talker", "input": "Hi", "previous_response_id": "resp_1"], 400),
        ("/v1/responses", ["model": "nothing", "input": "Hi"], 404), ("/v1/embeddings", ["model": "nothing", "input": "Hi"], 404),
        ("/v1/messages", ["model": "nothing", "max_tokens": 9, "messages": [["role": "user", "content": "Hi"]]], 404),
        ("/api/generate", ["model": "nothing", "prompt": "Hi"], 404), ("/api/generate", ["model": "nothing"], 404),
        ("/api/generate", ["model": "nothing", "prompt": "Hi", "options": ["num_ctx": 64]], 404),
        ("/completion", ["model": "nothing", "prompt": "Hi"], 404),
    ]

    @Test(arguments: mistakes.indices) func aMistakeCostsARequest(index: Int) async throws {
        let (path, body, status) = Self.mistakes[index]
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 2, tokensPerMinute: 5000))
        let refused = try await server.post(path, body, headers: Self.ann)
        #expect(refused.status == status, "\(refused.body)")
        #expect(refused.header("x-ratelimit-remaining-requests") == "1" && refused.header("x-ratelimit-remaining-tokens") == "5000")
    }

    /// A request that cannot be decoded is refused before the admission.
    @Test func anUnreadableRequestCostsNothing() async throws {
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 2))
        let refused = try await server.post("/v1/chat/completions", Self.chat(["temperature": "hot"]), headers: Self.ann)
        #expect(refused.status == 400 && refused.header("x-ratelimit-remaining-requests") == "2")
    }

    @Test func aDayIsUsedUpAndTheNextOneBegins() async throws {
        let place = Place()
        let server = Self.server(try await place.accounts(), .init(tokensPerDay: 5))
        #expect(try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann).status == 200)
        let refused = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        #expect(refused.error == "429 insufficient_quota -" && refused.json["error"]?["type"] == "insufficient_quota")
        #expect(refused.header("retry-after") == "3600" && refused.header("x-ratelimit-reset-tokens") == "1h0m0s")
        // Another process continues the day.
        await server.configuration.accounts.usage?.flush()
        let next = Self.server(try await place.accounts(), .init(tokensPerDay: 5))
        #expect(try await next.post("/v1/chat/completions", Self.chat(), headers: Self.ann).error == "429 insufficient_quota -")
        place.clock.withLock { $0.day += 1 }
        #expect(try await next.post("/v1/chat/completions", Self.chat(), headers: Self.ann).status == 200)
    }

    // MARK: Usage

    private static func rows(_ accounts: Accounts, by dimensions: [UsageQuery.Dimension]) async throws -> [UsageLine] {
        try await #require(accounts.usage).lines(UsageQuery(days: 0...30_000, by: dimensions))
    }

    @Test func usageIsTheSumOfTheAnswers() async throws {
        let accounts = try await Place().accounts()
        let server = Self.server(accounts, .init())
        for stream in [false, true] {
            _ = try await server.post("/v1/chat/completions", Self.chat(["stream": .bool(stream), "user": "u1"]), headers: Self.ann)
        }
        _ = try await server.post("/v1/responses", ["model": "talker", "input": "Hi", "safety_identifier": "u2"], headers: Self.ann)
        _ = try await server.post("/v1/embeddings", ["model": "embedder", "input": ["a", "b"]], headers: Self.bearer("admin"))
        _ = try await server.post("/v1/chat/completions", Self.chat(["model": "nothing"]), headers: Self.ann)
        let lines = try await Self.rows(accounts, by: [.key, .user, .model, .endpoint])
        let seen = lines.map { line in
            let sums = line.sums
            let tokens = "\(sums.inputTokens)/\(sums.cachedTokens)/\(sums.outputTokens)"
            return "\(line.values.joined(separator: " ")) \(sums.requests)/\(sums.errors) \(tokens)"
        }
        #expect(
            seen == [
                "admin  embedder /v1/embeddings 1/0 2/0/0", "ann   /v1/chat/completions 1/1 0/0/0",
                "ann u1 talker /v1/chat/completions 2/0 6/2/4", "ann u2 talker /v1/responses 1/0 3/1/2",
            ])
    }

    @Test(arguments: [false, true]) func trustedHeadersNameTheUser(isTrusted: Bool) async throws {
        let accounts = try await Place().accounts()
        let server = Self.server(accounts, .init(), trustsUserHeaders: isTrusted)
        let headers = Self.ann.merging(["x-openwebui-user-name": "J%C3%BCrgen", "x-openwebui-user-id": "7"]) { $1 }
        _ = try await server.post("/v1/chat/completions", Self.chat(["user": "body"]), headers: headers)
        #expect(try await Self.rows(accounts, by: [.user]).map(\.values) == [[isTrusted ? "Jürgen" : "body"]])
    }

    @Test func adminsReadUsageInOpenAIsForm() async throws {
        let place = Place()
        let accounts = try await place.accounts()
        let server = Self.server(accounts, .init())
        _ = try await server.post("/v1/chat/completions", Self.chat(["user": "u1"]), headers: Self.ann)
        place.clock.withLock { $0.day += 1 }
        _ = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.bearer("admin"))
        let (start, admin) = (20_000 * 86_400, Self.bearer("admin"))
        let path = "/v1/organization/usage/completions?start_time=\(start + 5)"
        let grouped = path + "&end_time=\(start + 3 * 86_400)&limit=2&group_by=api_key_id&group_by=user_id"
        let page = try await server.send("GET", grouped, headers: admin).json
        let buckets = page["data"]?.arrayValue ?? []
        #expect(page["object"] == "page" && page["has_more"] == true && buckets.count == 2)
        #expect(buckets.first?["start_time"] == .int(start) && buckets.first?["end_time"] == .int(start + 86_400))
        let result = try #require(buckets.first?["results"]?.arrayValue?.first)
        #expect(result["object"] == "organization.usage.completions.result" && result["api_key_id"] == "ann" && result["user_id"] == "u1")
        #expect(result["input_tokens"] == 3 && result["input_cached_tokens"] == 1 && result["output_tokens"] == 2)
        #expect(result["num_model_requests"] == 1 && result["model"] == .null)
        #expect(buckets.last?["results"]?.arrayValue?.first?["user_id"] == .null)
        let next = try #require(page["next_page"]?.stringValue)
        let last = try await server.send("GET", path + "&end_time=\(start + 3 * 86_400)&page=\(next)", headers: admin).json
        #expect(last["has_more"] == false && last["data"]?.arrayValue?.first?["results"] == [])
        let filtered = try await server.send("GET", path + "&end_time=\(start + 86_400)&models=other", headers: admin).json
        #expect(filtered["data"]?.arrayValue?.first?["results"] == [])
        #expect(try await server.send("GET", path, headers: Self.ann).status == 403)
    }

    // MARK: The own key

    @Test func aUserSeesWhatRemains() async throws {
        let server = Self.server(try await Place().accounts(), .init(requestsPerMinute: 9, tokensPerDay: 100, concurrency: 2, maxOutputTokens: 50))
        _ = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        let answer = try await server.send("GET", "/v1/key", headers: Self.ann)
        let key = answer.json
        #expect(answer.status == 200 && answer.header("cache-control") == "no-store")
        #expect(key["object"] == "key" && key["name"] == "ann" && key["role"] == "user" && key["models"] == [] && key["expires_at"] == .null)
        #expect(key["limits"]?["requests_per_minute"] == 9 && key["limits"]?["tokens_per_minute"] == .null)
        #expect(key["limits"]?["max_output_tokens"] == 50)
        // The request had 5 tokens. Looking costs nothing.
        #expect(key["remaining"] == ["requests_per_minute": 8, "tokens_per_day": 95, "concurrency": 2])
        #expect(key["reset_seconds"]?["tokens_per_day"] == 3600 && key["reset_seconds"]?["requests_per_minute"] == 61)
        #expect(try await server.send("GET", "/v1/key", headers: Self.ann).json == key)
        let admin = try await server.send("GET", "/key", headers: Self.bearer("admin")).json
        #expect(admin["role"] == "admin" && admin["remaining"] == [:] && admin["limits"]?["concurrency"] == .null)
    }

    @Test func aServerWithoutKeysHasNoLimits() async throws {
        let key = try await ScriptedServer(ScriptedGenerator(says: ["x"])).send("GET", "/v1/key").json
        #expect(key["id"] == "everybody" && key["name"] == .null && key["role"] == "admin" && key["limits"] == [:] && key["remaining"] == [:])
    }

    @Test func aUserReadsItsOwnUsageAlone() async throws {
        let server = Self.server(try await Place().accounts(), .init())
        _ = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.ann)
        _ = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.bearer("admin"))
        _ = try await server.post("/v1/chat/completions", Self.chat(), headers: Self.bearer("admin"))
        let path = "/v1/key/usage/completions?start_time=\(20_000 * 86_400)&end_time=\(20_001 * 86_400)&group_by=api_key_id"
        for (key, count) in [("ann", 1), ("admin", 2)] {
            let page = try await server.send("GET", path, headers: Self.bearer(key)).json
            let results = page["data"]?.arrayValue?.first?["results"]?.arrayValue
            #expect(results?.count == 1 && results?.first?["api_key_id"] == .string(key) && results?.first?["num_model_requests"] == .int(count))
        }
        let foreign = try await server.send("GET", path + "&api_key_ids=admin", headers: Self.ann)
        #expect(foreign.error == "400 unknown_parameter api_key_ids")
        #expect(try await server.send("GET", "/v1/key/usage/embeddings", headers: Self.ann).error == "400 missing_required_parameter start_time")
    }

    @Test(arguments: [
        ("", "400 missing_required_parameter start_time"), ("?start_time=x", "400 invalid_type start_time"),
        ("?start_time=9&end_time=9", "400 integer_below_min_value end_time"), ("?start_time=9&bucket_width=1h", "400 invalid_value bucket_width"),
        ("?start_time=9&limit=32", "400 integer_above_max_value limit"), ("?start_time=9&group_by=project_id", "400 invalid_value group_by"),
        ("?start_time=9&page=page_9999999999", "400 invalid_value page"), ("?start_time=9&day=1", "400 unknown_parameter day"),
    ])
    func aMistakeInAQueryIsNamed(query: String, error: String) async throws {
        let server = Self.server(try await Place().accounts(), .init())
        let answer = try await server.send("GET", "/v1/organization/usage/completions" + query, headers: Self.bearer("admin"))
        #expect(answer.error == error)
    }
}
