import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import ShimmyTracing
import Testing

/// The spans of requests to a server with a scripted model.
@Suite struct TraceRouteTests {
    private let queue = SpanQueue(capacity: 100)
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let chat: JSON = ["model": "talker", "messages": [["role": "user", "content": "plugh"]]]

    private func server() -> ScriptedServer {
        let generator = ScriptedGenerator { _ in
            [
                .event(.fact(choice: 0, .begun(.now))), .event(.delta(choice: 0, .content("xyzzy"))), .event(.finished(choice: 0, .length)),
                .event(.ended(.init(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 2))),
            ]
        }
        var server = ScriptedServer(generator)
        server.configuration.tracer = RequestTracer(queue: queue)
        return server
    }

    private func attributes(_ span: FinishedSpan) -> [String: TraceAttribute.Value] {
        Dictionary(uniqueKeysWithValues: span.attributes.map { ($0.name, $0.value) })
    }

    @Test(arguments: [false, true]) func anAnswerHasItsPhases(isStreamed: Bool) async throws {
        let body: JSON = ["model": "talker", "messages": [["role": "user", "content": "plugh"]], "stream": .bool(isStreamed)]
        let answer = try await server().post("/v1/chat/completions", body, headers: ["traceparent": Self.parent, "tracestate": "a=1"])
        #expect(answer.status == 200 && answer.header("traceparent") == nil)
        let spans = queue.first(10)
        #expect(spans.map(\.name) == ["POST /v1/chat/completions", "queue", "prefill", "decode"])
        let request = try #require(spans.first)
        #expect("\(request.context.traceID)" == "4bf92f3577b34da6a3ce929d0e0e4736" && request.context.state == "a=1")
        #expect(request.parent?.description == "00f067aa0ba902b7" && request.hasRemoteParent && request.kind == .server && !request.isError)
        for span in spans.dropFirst() {
            #expect(span.parent == request.context.spanID && span.context.traceID == request.context.traceID)
            #expect(request.start <= span.start && span.start <= span.end && span.end <= request.end)
        }
        let found = attributes(request)
        #expect(found["gen_ai.operation.name"] == .text("chat") && found["gen_ai.request.model"] == .text("talker"))
        #expect(found["gen_ai.usage.input_tokens"] == .integer(3) && found["gen_ai.usage.cache_read.input_tokens"] == .integer(1))
        #expect(found["gen_ai.usage.output_tokens"] == .integer(2) && found["gen_ai.response.finish_reasons"] == .texts(["length"]))
        #expect(found["http.route"] == .text("/v1/chat/completions") && found["http.response.status_code"] == .integer(200))
        #expect(found["shimmy.request_id"] == answer.header("x-request-id").map { TraceAttribute.Value.text($0) })
        for span in spans { #expect(!"\(span)".contains("plugh") && !"\(span)".contains("xyzzy")) }
    }

    @Test func aMistakeOfTheClientIsNotAnError() async throws {
        _ = try await server().post("/v1/chat/completions", ["model": "nope"])
        let span = try #require(queue.first(10).first)
        #expect(queue.first(10).count == 1 && !span.isError && span.parent == nil && !span.hasRemoteParent)
        #expect(attributes(span)["http.response.status_code"] != nil && attributes(span)["gen_ai.request.model"] == nil)
    }

    @Test func anUnknownPathHasNoRoute() async throws {
        _ = try await server().send("GET", "/nothing/plugh?key=secret")
        let span = try #require(queue.first(10).first)
        #expect(span.name == "GET" && attributes(span)["http.route"] == nil && attributes(span)["url.path"] == .text("/nothing/plugh"))
    }

    @Test(arguments: ["", "00-x", String(repeating: "0", count: 60_000)]) func aHostileHeaderBeginsANewTrace(header: String) async throws {
        let answer = try await server().send("GET", "/health", headers: ["traceparent": header, "tracestate": header])
        #expect(answer.status == 200)
        let span = try #require(queue.first(10).first)
        #expect(span.parent == nil && span.context.state.isEmpty)
    }

    @Test func withoutATracerNothingChanges() async throws {
        var server = server()
        server.configuration.tracer = nil
        #expect(try await server.post("/v1/chat/completions", Self.chat, headers: ["traceparent": Self.parent]).status == 200)
        #expect(queue.first(1).isEmpty)
    }
}
