import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyServer
import ShimmyService
import ShimmyTestSupport
import Testing

/// The last requests, and the stream of snapshots of the server.
@Suite(.timeLimit(.minutes(1))) struct HistoryRouteTests {
    private static let chat: JSON = ["model": "talker", "messages": [["role": "user", "content": "plugh"]]]

    private func server(inspects: Bool = false) -> ScriptedServer {
        let generator = ScriptedGenerator { _ in
            [
                .event(.fact(choice: 0, .begun(.now))), .event(.delta(choice: 0, .content("xyzzy"))), .event(.finished(choice: 0, .length)),
                .event(.ended(.init(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2))),
            ]
        }
        var server = ScriptedServer(generator)
        server.configuration.history = RequestHistory(inspects: inspects)
        return server
    }

    @Test func aRequestHasItsTimesAndTokens() async throws {
        let server = server()
        let answer = try await server.post("/v1/chat/completions", Self.chat, headers: ["x-request-id": "mine"])
        #expect(answer.status == 200)
        let list = try await server.send("GET", "/admin/requests").json
        let record = try #require(list["data"]?.arrayValue?.first)
        #expect(list["data"]?.arrayValue?.count == 1 && list["has_more"] == false && list["inspects"] == false)
        #expect(record["id"] == "mine" && record["endpoint"] == "/v1/chat/completions" && record["api"] == "openai")
        #expect(record["model"] == "talker" && record["status"] == 200 && record["end"] == "length" && record["error"] == .null)
        #expect(record["prompt_tokens"] == 3 && record["cached_tokens"] == 1 && record["completion_tokens"] == 2)
        let times = ["queue_ms", "first_ms", "answered_ms", "total_ms"].compactMap { record[$0]?.doubleValue }
        #expect(times.count == 4 && times == times.sorted())
    }

    @Test func aSingleRequestHasTheParts() async throws {
        let server = server()
        _ = try await server.post("/v1/chat/completions", Self.chat, headers: ["x-request-id": "mine"])
        let answer = try await server.send("GET", "/admin/requests/mine")
        let phases = answer.json["phases"]?.arrayValue ?? []
        #expect(phases.compactMap { $0["name"]?.stringValue } == ["queue", "prefill", "decode"])
        for (phase, next) in zip(phases, phases.dropFirst()) { #expect(phase["end_ms"] == next["start_ms"]) }
        #expect(!answer.body.contains("plugh") && !answer.body.contains("xyzzy") && answer.json["body"] == nil)
        let unknown = try await server.send("GET", "/admin/requests/other")
        #expect(unknown.status == 404)
    }

    @Test func textsAreKeptOnlyWithTheSetting() async throws {
        let server = server(inspects: true)
        _ = try await server.post("/v1/chat/completions", Self.chat, headers: ["x-request-id": "mine"])
        let list = try await server.send("GET", "/admin/requests")
        #expect(list.json["inspects"] == true && !list.body.contains("plugh"))
        let record = try await server.send("GET", "/admin/requests/mine")
        #expect(record.header("cache-control") == "no-store")
        #expect(record.json["body"]?["text"]?.stringValue?.contains("plugh") == true && record.json["body"]?["cut"] == false)
        #expect(record.json["answers"]?.arrayValue?.first?["content"]?["text"] == "xyzzy")
    }

    @Test func failuresAreListedAndReadingIsNot() async throws {
        let server = server()
        _ = try await server.send("GET", "/v1/models")
        _ = try await server.send("GET", "/v1/nothing")
        _ = try await server.post("/v1/chat/completions", ["model": "nope"])
        let records = try await server.send("GET", "/admin/requests").json["data"]?.arrayValue ?? []
        #expect(records.compactMap { $0["endpoint"]?.stringValue } == ["/v1/chat/completions", "/v1/nothing"])
        #expect(records.allSatisfy { $0["end"] == "error" })
        #expect(records.last?["error"] == "unknown_url" && records.first?["error"]?.stringValue != nil)
    }

    @Test func pagesFollowEachOther() async throws {
        let server = server()
        for number in 1...5 { _ = try await server.post("/v1/chat/completions", Self.chat, headers: ["x-request-id": "r\(number)"]) }
        let first = try await server.send("GET", "/admin/requests?limit=2").json
        let last = try #require(first["data"]?.arrayValue?.last?["number"]?.intValue)
        #expect(first["has_more"] == true && first["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["r5", "r4"])
        let second = try await server.send("GET", "/admin/requests?limit=3&before=\(last)").json
        #expect(second["has_more"] == false && second["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["r3", "r2", "r1"])
        let huge = try await server.send("GET", "/admin/requests?before=99999999999999999999").json["error"]
        #expect(huge?["code"] == "integer_above_max_value" && huge?["message"]?.stringValue?.contains("<= \(Int.max)") == true)
        let small = try await server.send("GET", "/admin/requests?before=-99999999999999999999").json["error"]
        #expect(small?["code"] == "integer_below_min_value" && small?["message"]?.stringValue?.contains(">= 1,") == true)
        for query in ["limit=0", "limit=501", "limit=x", "before=0", "after=1"] {
            let answer = try await server.send("GET", "/admin/requests?" + query)
            #expect(answer.status == 400, "\(query)")
        }
    }

    @Test func aSnapshotShowsTheEngineAndTheServer() async throws {
        let server = server()
        let answer = try await server.send("GET", "/admin/events?limit=1")
        #expect(answer.status == 200 && answer.header("content-type") == "text/event-stream" && answer.body.hasPrefix("event: snapshot\n"))
        let event = try #require(answer.events.first)
        #expect(answer.events.count == 1 && event["requests"] == [] && event["missed_requests"] == 0)
        #expect(event["engine"]?["server"]?["connections"] != nil && event["engine"]?["memory"]?["budget"] != nil)
        #expect(event["upstreams"] == [] && event["process"]?["started"] != nil)
    }

    @Test func placesAreBoundedAndFreeAgain() {
        let count = ListenerCount()
        var places = (0..<3).compactMap { _ in count.enter(atMost: 3) }
        #expect(places.count == 3 && count.enter(atMost: 3) == nil)
        places.removeLast()
        #expect(count.enter(atMost: 3) != nil)
    }
}
