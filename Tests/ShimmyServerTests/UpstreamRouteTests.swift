import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyTestSupport
import Synchronization
import Testing

/// The failures of upstream servers, as clients see them.
@Suite struct UpstreamRouteTests {
    private static let messages: JSON = [["role": "user", "content": "a"]]
    private static let chat: JSON = ["model": "talker", "messages": messages]

    private static let cases: [(UpstreamFailure.Reason, String)] = [
        (.refused(status: 422, param: "top_p", code: "bad"), "422 bad top_p"),
        (.refused(status: 400, param: nil, code: nil), "400 upstream_refused -"), (.unauthorized, "502 upstream_unauthorized -"),
        (.unreachable, "502 upstream_unreachable -"), (.failed(status: 500), "502 upstream_failed -"),
        (.unreadable, "502 upstream_unreadable -"), (.interrupted, "502 upstream_interrupted -"), (.timedOut, "504 upstream_timeout -"),
        (.busy(status: 429, retryAfter: 7), "429 upstream_busy -"), (.busy(status: 503, retryAfter: nil), "503 upstream_busy -"),
        (.noReplica(["a: down", "b: full"], retryAfter: 3), "503 upstream_unavailable -"),
        (.unsupported(field: "logit_bias"), "400 unsupported_by_upstream logit_bias"), (.loop, "508 upstream_loop -"),
    ]

    @Test(arguments: cases)
    func eachFailureHasItsStatus(reason: UpstreamFailure.Reason, error: String) async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in throw UpstreamFailure("gpu", reason, "it is off") })
        let answer = try await server.post("/v1/chat/completions", Self.chat)
        #expect(answer.error == error)
        let message = answer.json["error"]?["message"]?.stringValue ?? ""
        switch reason {
        case .refused: #expect(message == "it is off")
        case .noReplica: #expect(message.contains("a: down; b: full.") && answer.header("retry-after") == "3")
        case .loop: #expect(message.contains("loops"))
        default: #expect(message.contains("'gpu'"))
        }
    }

    /// Engines word it differently, and name fields of their own.
    @Test(
        arguments: [
            ("/v1/chat/completions", chat, "messages"), ("/v1/completions", ["model": "talker", "prompt": "a"], "prompt"),
            ("/v1/responses", ["model": "talker", "input": "a", "store": false], "input"),
        ] as [(String, JSON, String)])
    func aPromptThatIsTooLongHasTheFieldOfTheDialect(path: String, body: JSON, field: String) async throws {
        let words = "This model's maximum context length is 100 tokens. However, your request has 150 input tokens."
        let refusals: [UpstreamFailure.Reason] = [
            .refused(status: 400, param: "input_tokens", code: nil), .refused(status: 422, param: nil, code: "exceed_context_size_error"),
        ]
        for refusal in refusals {
            let answer = try await ScriptedServer(ScriptedGenerator { _ in throw UpstreamFailure("gpu", refusal, words) }).post(path, body)
            #expect(answer.error == "400 context_length_exceeded \(field)" && answer.json["error"]?["message"]?.stringValue == words)
        }
    }

    @Test func otherDialectsHaveTheirForm() async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in throw UpstreamFailure("gpu", .unreachable, "it is off") })
        let anthropic = try await server.post("/v1/messages", ["model": "talker", "max_tokens": 5, "messages": Self.messages])
        #expect(anthropic.status == 502 && anthropic.json["type"]?.stringValue == "error")
        let ollama = try await server.post("/api/chat", ["model": "talker", "messages": Self.messages, "stream": false])
        #expect(ollama.status == 502 && ollama.json["error"]?.stringValue?.contains("'gpu'") == true)
    }

    @Test(arguments: [2, 50]) func theErrorNamesAllReplicas(count: Int) async throws {
        let names = (0..<count).map { "replica-\($0)-\(String(repeating: "n", count: 40))" }
        let reasons = names.map { "\($0): \(String(repeating: "it is off ", count: 200))at the end" }
        let failure = UpstreamFailure("m", .noReplica(reasons, retryAfter: nil), "none")
        let server = ScriptedServer(ScriptedGenerator { _ in throw failure })
        let answer = try await server.post("/v1/chat/completions", Self.chat)
        let message = answer.json["error"]?["message"]?.stringValue ?? ""
        #expect(answer.error == "503 upstream_unavailable -" && names.allSatisfy { message.contains($0) })
        #expect(message.unicodeScalars.count < 10_000 && message.hasSuffix("at the end."))
    }

    /// A limit of requests stays a 429, and a lack of room a 503, each with the upstream's own `retry-after`.
    @Test(arguments: [(429, 7), (429, nil), (503, 7), (503, nil), (503, 0)] as [(Int, Int?)])
    func aBusyUpstreamKeepsItsStatus(status: Int, seconds: Int?) async throws {
        let failure = UpstreamFailure("gpu", .busy(status: status, retryAfter: seconds), "it is busy")
        let server = ScriptedServer(ScriptedGenerator { _ in throw failure })
        let wait = "\(seconds ?? 1)"
        let chat = try await server.post("/v1/chat/completions", Self.chat)
        #expect(chat.status == status && chat.header("retry-after") == wait)
        #expect(chat.json["error"]?["type"]?.stringValue == (status == 429 ? "rate_limit_error" : "server_error"))
        let anthropic = try await server.post("/v1/messages", ["model": "talker", "max_tokens": 5, "messages": Self.messages])
        #expect(anthropic.status == (status == 429 ? 429 : 529) && anthropic.header("retry-after") == wait)
        #expect(anthropic.json["error"]?["type"]?.stringValue == (status == 429 ? "rate_limit_error" : "overloaded_error"))
        let ollama = try await server.post("/api/chat", ["model": "talker", "messages": Self.messages, "stream": false])
        #expect(ollama.status == status && ollama.header("retry-after") == wait)
    }

    @Test func aStreamThatBreaksEndsWithAnError() async throws {
        var report = AnswerReport()
        report.upstream = "gpu"
        let failure = UpstreamFailure("gpu", .interrupted, "the connection was lost")
        let generator = ScriptedGenerator(report: report) { _ in [.event(.delta(choice: 0, .content("Hi"))), .failure(failure)] }
        let server = ScriptedServer(generator)
        let answer = try await server.post("/v1/chat/completions", ["model": "talker", "messages": Self.messages, "stream": true])
        #expect(answer.status == 200 && answer.header("x-shimmy-upstream") == "gpu")
        #expect(answer.body.contains("Hi") && answer.events.last?["error"]?["code"]?.stringValue == "upstream_interrupted")
        #expect(!answer.body.contains("[DONE]"))
    }

    @Test func anAnswerHasTheFingerprintOfItsUpstream() async throws {
        var report = AnswerReport()
        report.fingerprint = "fp_12ab"
        let server = ScriptedServer(ScriptedGenerator(says: ["Hi"], report: report))
        let chat = try await server.post("/v1/chat/completions", Self.chat)
        let text = try await server.post("/v1/completions", ["model": "talker", "prompt": "a"])
        #expect(chat.json["system_fingerprint"] == "fp_12ab" && text.json["system_fingerprint"] == "fp_12ab")
    }

    @Test func whatIsUnusualAboutAnAnswerIsReported() async throws {
        var usage = Usage(promptTokens: 3, cachedPromptTokens: 0, completionTokens: 1)
        usage.source = .estimated
        let parts = ["choices[0].message.tool_calls[0].function.name"]
        let moments: [ScriptedGenerator.Moment] = [
            .event(.delta(choice: 0, .content("Hi"))), .event(.fact(choice: 0, .unfit(parts))), .event(.finished(choice: 0, .stop)),
            .event(.ended(usage)),
        ]
        let server = ScriptedServer(ScriptedGenerator { _ in moments })
        let whole = try await server.post("/v1/chat/completions", Self.chat)
        #expect(whole.header("x-shimmy-usage") == "estimated" && whole.header("x-shimmy-unfit") == parts[0])
        // Both are known only after the headers of a stream.
        let streamed = try await server.post("/v1/chat/completions", ["model": "talker", "messages": Self.messages, "stream": true])
        #expect(streamed.status == 200 && streamed.header("x-shimmy-usage") == nil && streamed.header("x-shimmy-unfit") == nil)
    }

    /// The upstream refuses the conversation until its oldest items are gone.
    @Test(arguments: [true, false]) func aResponseIsTruncatedForItsUpstream(truncates: Bool) async throws {
        let attempts = Mutex(0)
        let refusal = UpstreamFailure(
            "gpu", .refused(status: 400, param: "messages", code: nil), "The maximum context length is 100 tokens, but the request has 150 tokens.")
        let generator = ScriptedGenerator { _ in
            let attempt = attempts.withLock { count in
                count += 1
                return count
            }
            if attempt < 3 { throw refusal }
            return [
                .event(.finished(choice: 0, .stop)), .event(.ended(Usage(promptTokens: 3, cachedPromptTokens: 0, completionTokens: 1))),
            ]
        }
        let server = ScriptedServer(generator)
        let items: [JSON] = (0..<12).map { ["role": "user", "content": .string("this is the number \($0) of many messages")] }
        let body: JSON = [
            "model": "talker", "input": .array(items), "truncation": truncates ? "auto" : "disabled", "store": false,
        ]
        let answer = try await server.post("/v1/responses", body)
        if truncates {
            #expect(answer.status == 200 && generator.requests.count == 3)
            #expect(answer.header("x-shimmy-dropped-items").flatMap { Int($0) } ?? 0 > 3)
        } else {
            #expect(answer.error == "400 context_length_exceeded input" && generator.requests.count == 1)
        }
    }

    @Test func aServerWithoutUpstreamsListsNone() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: []))
        let answer = try await server.send("GET", "/admin/upstreams")
        #expect(answer.status == 200 && answer.json == ["object": "list", "data": [], "problem": .null])
    }
}
