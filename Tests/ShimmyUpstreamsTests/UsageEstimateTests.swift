import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Token counts of answers whose upstream reports none.
@Suite struct UsageEstimateTests {
    private static let answer = stream([
        #"{"choices":[{"index":0,"delta":{"content":"Hello "}}]}"#, #"{"choices":[{"index":0,"delta":{"content":"there, friend."}}]}"#,
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, "[DONE]",
    ])

    /// Returns the counts at the end of an answer.
    private func usage(_ endpoint: UpstreamEndpoint) async throws -> Usage? {
        let events = try await read(try await endpoint.answer(ChatRequest(messages: [ChatMessage(.user, "How are you today?")])))
        guard case .ended(let usage)? = events.last else { return nil }
        return usage
    }

    /// Returns the reply of a server that tokenizes: as many tokens as the request's text has words, and 7 for a conversation.
    private static func reply(_ request: ScriptedUpstream.Request) -> ScriptedUpstream.Reply {
        guard request.path == "/tokenize" || request.path == "/detokenize" else { return .stream(answer) }
        if request.path == "/detokenize" { return .json(["prompt": "text"]) }
        let count = request.json["prompt"]?.stringValue.map { $0.split(separator: " ").count } ?? 7
        return .json(["tokens": .array((0..<count).map { .int($0) })])
    }

    @Test func theUpstreamsTokenizerCounts() async throws {
        try await ScriptedUpstream.with(.vllm, script: { request, _ in Self.reply(request) }) { endpoint, _ in
            let usage = try #require(try await usage(endpoint))
            #expect(usage.promptTokens == 7 && usage.completionTokens == 3 && usage.source == .counted)
        }
    }

    @Test func withoutATokenizerTheSizesCount() async throws {
        try await ScriptedUpstream.with(.openai, script: { _, _ in .stream(Self.answer) }) { endpoint, server in
            let usage = try #require(try await usage(endpoint))
            #expect(usage.promptTokens == 5 && usage.completionTokens == 5 && usage.source == .estimated)
            #expect(server.requests.count == 1)
        }
    }

    @Test func aTokenizerThatFailsIsNoError() async throws {
        let script: @Sendable (ScriptedUpstream.Request, Int) -> ScriptedUpstream.Reply = { request, _ in
            request.path == "/tokenize" ? .text("no", status: 500) : .stream(Self.answer)
        }
        try await ScriptedUpstream.with(.vllm, script: script) { endpoint, _ in
            let usage = try #require(try await usage(endpoint))
            #expect(usage.promptTokens == 5 && usage.completionTokens == 5 && usage.source == .estimated)
        }
    }

    @Test func reportedCountsStay() async throws {
        try await ScriptedUpstream.with(.openai, script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            let usage = try #require(try await usage(endpoint))
            #expect(usage.promptTokens == 5 && usage.completionTokens == 2 && usage.source == .reported && server.requests.count == 1)
        }
    }

    @Test func vectorsHaveCountsToo() async throws {
        let reply: JSON = ["data": [["index": 0, "embedding": [3, 4]]]]
        try await ScriptedUpstream.with(.openai, script: { _, _ in .json(reply) }) { endpoint, _ in
            let request = EmbeddingRequest(inputs: [.text("twelve bytes")])
            let result = try await endpoint.embed(request, model: "m", terms: ServiceTerms(), context: UpstreamContext())
            #expect(result.promptTokens == 3)
        }
    }
}
