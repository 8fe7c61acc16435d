import ShimmyAPI
import ShimmyJSON
import ShimmyMetrics
import ShimmyServer
import ShimmyTestSupport
import Testing

/// `GET /metrics` after known requests.
@Suite struct MetricsRouteTests {
    private struct Broken: Error {}

    private static let chat: JSON = ["model": "talker", "messages": [["role": "user", "content": "a secret"]]]

    private static func server(keys: [String] = [], script: ScriptedGenerator = ScriptedGenerator(says: ["Hel", "lo"])) -> ScriptedServer {
        var server = ScriptedServer(script)
        server.configuration = ServerConfiguration(access: .init(apiKeys: keys.map { APIKey($0) }))
        return server
    }

    private func lines(_ server: ScriptedServer) async throws -> Set<Substring> {
        let answer = try await server.send("GET", "/metrics")
        #expect(answer.status == 200 && answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        return Set(answer.body.split(separator: "\n"))
    }

    @Test func anAnswerIsCountedExactly() async throws {
        let server = Self.server()
        for stream in [false, true, true] {
            #expect(try await server.post("/v1/chat/completions", Self.chat.merged("stream", .bool(stream))).status == 200)
        }
        let lines = try await lines(server)
        let labels = #"api="openai",end="stop",method="POST",model="talker",route="/v1/chat/completions",status="2xx""#
        #expect(lines.contains("shimmy_requests_total{\(labels)} 3"))
        #expect(lines.contains(#"shimmy_answers_total{end="stop",model="talker"} 3"#))
        for (type, tokens) in [("input", 9), ("cached", 3), ("output", 6), ("reasoning", 0)] {
            #expect(lines.contains("shimmy_tokens_total{model=\"talker\",type=\"\(type)\"} \(tokens)"))
        }
        let names = #"gen_ai_operation_name="chat",gen_ai_provider_name="shimmy",gen_ai_request_model="talker""#
        #expect(lines.contains("gen_ai_server_request_duration_seconds_count{\(names)} 3"))
        #expect(lines.contains("gen_ai_server_time_to_first_token_seconds_count{\(names)} 3"))
        #expect(lines.contains("gen_ai_server_time_per_output_token_seconds_count{\(names)} 3"))
        #expect(lines.contains("gen_ai_client_token_usage_sum{\(names),gen_ai_token_type=\"output\"} 6"))
    }

    @Test func aFailedAnswerIsAnError() async throws {
        let server = Self.server(script: ScriptedGenerator { _ in [.failure(Broken())] })
        #expect(try await server.post("/v1/chat/completions", Self.chat).status == 500)
        let labels = #"api="openai",end="error",method="POST",model="talker",route="/v1/chat/completions",status="5xx""#
        #expect(try await lines(server).contains("shimmy_requests_total{\(labels)} 1"))
    }

    @Test func aClientThatLeavesBeforeTheResponseHasNoStatus() async throws {
        let server = Self.server(script: ScriptedGenerator { _ in [.failure(CancellationError())] })
        #expect(try await server.post("/v1/chat/completions", Self.chat).error == "400 request_cancelled -")
        let labels = #"api="openai",end="disconnect",method="POST",model="talker",route="/v1/chat/completions",status="none""#
        #expect(try await lines(server).contains("shimmy_requests_total{\(labels)} 1"))
    }

    @Test func clientsCannotChooseLabels() async throws {
        let server = Self.server()
        let named = Self.chat.merged("model", "no-such-model")
        #expect(try await server.post("/v1/chat/completions", named).status == 404)
        #expect(try await server.send("GET", "/no/such/path").status == 404)
        #expect(try await server.send("GET", "/v1/models/no-such-model").status == 404)
        let lines = try await lines(server)
        #expect(!lines.contains { $0.contains("no-such") || $0.contains("no/such") || $0.contains("secret") })
        #expect(lines.contains { $0.contains(#"model="unknown""#) && $0.contains(#"route="unmatched""#) })
        #expect(lines.contains { $0.contains(#"route="/v1/models/{model}",status="4xx""#) })
    }

    @Test func openMetricsOnRequest() async throws {
        let answer = try await Self.server().send("GET", "/metrics", headers: ["accept": "application/openmetrics-text;version=1.0.0"])
        #expect(answer.header("content-type")?.hasPrefix("application/openmetrics-text") == true)
        #expect(answer.body.hasSuffix("# EOF\n") && answer.body.contains("# TYPE shimmy_requests counter\n"))
    }

    @Test func metricsNeedAKeyIfTheServerHasAny() async throws {
        let server = Self.server(keys: ["k"])
        #expect(try await server.send("GET", "/metrics").status == 401)
        #expect(try await server.send("GET", "/metrics", headers: ["authorization": "Bearer k"]).status == 200)
    }

    @Test func namesOfOtherServers() async throws {
        var server = Self.server()
        _ = try await server.post("/v1/chat/completions", Self.chat)
        #expect(try await !lines(server).contains { $0.contains("vllm:") || $0.contains("llamacpp:") })
        server.configuration.hasMetricsAliases = true
        let lines = try await lines(server)
        #expect(lines.contains(#"vllm:prompt_tokens_total{model_name="talker"} 3"#))
        #expect(lines.contains(#"vllm:request_success_total{finished_reason="stop",model_name="talker"} 1"#))
        #expect(lines.contains(#"vllm:e2e_request_latency_seconds_count{model_name="talker"} 1"#))
        #expect(lines.contains("llamacpp:tokens_predicted_total 2"))
    }
}

extension JSON {
    fileprivate func merged(_ key: String, _ value: JSON) -> JSON {
        var object = objectValue ?? [:]
        object[key] = value
        return .object(object)
    }
}
