import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyTestSupport
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
        (.busy(retryAfter: 7), "429 upstream_busy -"), (.busy(retryAfter: nil), "503 upstream_busy -"),
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

    @Test func otherDialectsHaveTheirForm() async throws {
        let server = ScriptedServer(ScriptedGenerator { _ in throw UpstreamFailure("gpu", .unreachable, "it is off") })
        let anthropic = try await server.post("/v1/messages", ["model": "talker", "max_tokens": 5, "messages": Self.messages])
        #expect(anthropic.status == 502 && anthropic.json["type"]?.stringValue == "error")
        let ollama = try await server.post("/api/chat", ["model": "talker", "messages": Self.messages, "stream": false])
        #expect(ollama.status == 502 && ollama.json["error"]?.stringValue?.contains("'gpu'") == true)
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

    @Test func aServerWithoutUpstreamsListsNone() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: []))
        let answer = try await server.send("GET", "/admin/upstreams")
        #expect(answer.status == 200 && answer.json == ["object": "list", "data": [], "problem": .null])
    }
}
