import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

@Suite struct UpstreamEndpointTests {
    @Test func anAnswerIsStreamed() async throws {
        try await ScriptedUpstream.with(script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            let context = UpstreamContext(
                user: "u", hops: "a", requestID: "r", traceHeaders: [UpstreamSettings.Header(name: "traceparent", value: "00-1")])
            let request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            let answer = try await endpoint.generate(request, model: "m", terms: ServiceTerms(maximumTokens: 9), context: context)
            let events = try await read(answer)
            #expect(events == shortEvents)
            let sent = try #require(server.requests.first)
            #expect(sent.line == "POST /v1/chat/completions HTTP/1.1")
            #expect(sent.json["user"] == "u" && sent.json["max_tokens"] == 9)
            for header in ["Bearer secret-key", "x-shimmy-hops: a", "x-request-id: r", "traceparent: 00-1"] { #expect(sent.head.contains(header)) }
        }
    }

    @Test func factsComeBeforeTheText() async throws {
        try await ScriptedUpstream.with(script: { _, _ in .stream(shortAnswer) }) { endpoint, _ in
            let answer = try await endpoint.answer()
            guard case .fact(0, .begun)? = try await answer.nextEvent() else { throw EndOfTest("no time of the beginning") }
            guard case .fact(0, .promptComputed)? = try await answer.nextEvent() else { throw EndOfTest("no end of the prompt") }
        }
    }

    struct EndOfTest: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    @Test func aConnectionServesSeveralRequests() async throws {
        try await ScriptedUpstream.with(script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            for _ in 0..<5 {
                let events = try await read(try await endpoint.answer())
                #expect(events == shortEvents)
            }
            #expect(server.requests.count == 5)
        }
    }

    @Test func aWholeCompletionIsAnAnswerToo() async throws {
        let whole: JSON = [
            "choices": [["index": 0, "message": ["content": "Hi"], "finish_reason": "stop"]],
            "usage": ["prompt_tokens": 5, "completion_tokens": 2],
        ]
        try await ScriptedUpstream.with(script: { _, _ in .json(whole) }) { endpoint, _ in
            let events = try await read(try await endpoint.answer())
            let usage = Usage(promptTokens: 5, cachedPromptTokens: 0, completionTokens: 2)
            #expect(events == [.delta(choice: 0, .content("Hi")), .finished(choice: 0, .stop), .ended(usage)])
        }
    }

    @Test func aStreamWithoutAMarkIsCompleteAtItsEnd() async throws {
        let text = String(shortAnswer.dropLast("data: [DONE]\n\n".count))
        try await ScriptedUpstream.with(script: { _, _ in .stream(text) }) { endpoint, _ in
            let events = try await read(try await endpoint.answer())
            #expect(events == shortEvents)
        }
        // Without a length, the end may be a lost connection.
        let bytes = Array(("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n" + text).utf8)
        try await ScriptedUpstream.with(script: { _, _ in ScriptedUpstream.Reply(bytes: bytes, closes: true) }) { endpoint, _ in
            let found = try await failure { _ = try await read(try await endpoint.answer()) }
            #expect(found?.reason == .interrupted)
        }
    }

    // MARK: Failures

    @Test(
        arguments: [
            ("text/html", "<html>"), ("application/json", "<html>"), ("application/json", "{}"), ("text/plain", "hello"), ("image/png", ""),
        ] as [(String, String)])
    func anAnswerThatIsNoStreamIsUnreadable(type: String, body: String) async throws {
        let head = "HTTP/1.1 200 X\r\ncontent-type: \(type); charset=utf-8\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        let bytes = Array((head + body).utf8)
        try await ScriptedUpstream.with(script: { _, _ in ScriptedUpstream.Reply(bytes: bytes) }) { endpoint, _ in
            let found = try await failure { _ = try await read(try await endpoint.answer()) }
            #expect(found?.reason == .unreadable)
            #expect(found?.message.hasSuffix("; check its address") == true)
        }
    }

    @Test(arguments: [
        " <!DOCTYPE html><p>no", "<html>", "{\"error\": {\"message\": \"" + String(repeating: "x", count: 100_000) + "\"}}", "{\"error\": [{",
        "{\"error\": \"<html>no</html>\"}",
    ])
    func pagesAndPartsOfJSONAreNotMessages(body: String) async throws {
        try await ScriptedUpstream.with(script: { _, _ in .text(body, status: 400) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.reason == .refused(status: 400, param: nil, code: nil))
            #expect(found?.message.hasSuffix("answered with status 400") == true)
        }
    }

    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("1e300", 86_400), ("soon", nil),
        ] as [(String, Int?)])
    func aRetryMayHaveADate(text: String, seconds: Int?) async throws {
        let reply = ScriptedUpstream.Reply.text("", status: 429, headers: "retry-after: \(text)\r\n")
        try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.reason == .busy(status: 429, retryAfter: seconds))
        }
    }

    @Test(arguments: ["000", "001", "099", "100", "199", "1000", "-1", "abc", ""])
    func anAnswerWithABadStatusIsUnreadable(status: String) async throws {
        let bytes = Array("HTTP/1.1 \(status) X\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nweird".utf8)
        try await ScriptedUpstream.with(script: { _, _ in ScriptedUpstream.Reply(bytes: bytes, closes: true) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.reason == .unreadable || found?.reason == .interrupted)
        }
    }

    @Test func statusesBecomeFailures() async throws {
        let error = #"{"error":{"message":"too long, secret-key","param":"messages","code":"context_length_exceeded"}}"#
        let cases: [(Int, UpstreamFailure.Reason)] = [
            (400, .refused(status: 400, param: "messages", code: "context_length_exceeded")), (401, .unauthorized), (403, .unauthorized),
            (404, .refused(status: 404, param: "messages", code: "context_length_exceeded")), (429, .busy(status: 429, retryAfter: 3)),
            (503, .busy(status: 503, retryAfter: 3)), (529, .busy(status: 503, retryAfter: 3)), (500, .failed(status: 500)), (302, .unreadable),
        ]
        for (status, reason) in cases {
            let reply = ScriptedUpstream.Reply.text(error, status: status, headers: "retry-after: 3\r\nlocation: http://127.0.0.1:1/\r\n")
            try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, _ in
                let found = try await failure { _ = try await endpoint.answer() }
                #expect(found?.reason == reason)
                #expect(found?.upstream == "box")
                #expect(found?.message.contains("secret-key") == false)
                if status == 400 { #expect(found?.message == "too long, ***") }
            }
        }
    }

    @Test(
        arguments: [
            (
                #"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens.","#
                    + #""type":"BadRequestError","param":"input_tokens","code":400}}"#, "8192"
            ),
            (
                #"{"error":{"code":400,"message":"request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it","#
                    + #""type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}"#, "try increasing it"
            ),
            (
                #"{"error":{"code":400,"message":"too large","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}"#,
                "The prompt has 9000 tokens, but the model's context length is 8192 tokens."
            ),
        ])
    func aPromptThatIsTooLongIsRecognized(error: String, text: String) async throws {
        try await ScriptedUpstream.with(script: { _, _ in .text(error, status: 400) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.contextExceeded(within: 100) == .contextExceeded(prompt: 9000, requested: 0, context: 8192))
            #expect(found?.message.contains(text) == true)
        }
    }

    /// The stop strings are not sent, so that the answer ends here and names the one that it found.
    @Test func anAnswerNamesItsStopString() async throws {
        try await ScriptedUpstream.with(.llamaServer, script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            request.stops = ["never", "ll"]
            var terms = ServiceTerms()
            terms.namesStop = true
            let answer = try await endpoint.generate(request, model: "m", terms: terms, context: UpstreamContext())
            var (text, stop): (String, String?) = ("", nil)
            while let event = try await answer.nextEvent() {
                if case .fact(_, .stopped(let found)) = event { stop = found }
                if case .delta(_, .content(let part, _)) = event { text += part }
            }
            #expect(text == "Hé" && stop == "ll")
            #expect(server.requests.first.map { $0.json["stop"] == nil } == true)
        }
    }

    @Test func theKeyIsInNoPartOfAFailure() async throws {
        let error = #"{"error":{"message":"no","param":"secret-key","code":"secret-key"}}"#
        try await ScriptedUpstream.with(script: { _, _ in .text(error, status: 400) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.reason == .refused(status: 400, param: "***", code: "***"))
        }
    }

    @Test func messagesAreBounded() async throws {
        let reply = ScriptedUpstream.Reply.text(String(repeating: "x", count: 300_000), status: 400)
        try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found.map { $0.message.unicodeScalars.count <= 2_001 } == true)
        }
    }

    @Test func nobodyListensAtAClosedPort() async throws {
        let change: (inout UpstreamSettings) -> Void = { $0.url = "http://127.0.0.1:1" }
        try await ScriptedUpstream.with(settings: change, script: { _, _ in .stream(shortAnswer) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.answer() }
            #expect(found?.reason == .unreachable)
        }
    }

    /// Wherever the connection ends, the answer is right or an error, and the error is found before the first event or thrown by the answer.
    @Test func aConnectionMayEndAtAnyByte() async throws {
        let whole = ScriptedUpstream.Reply.stream(shortAnswer)
        try await ScriptedUpstream.with(script: { _, number in whole.cut(at: number) }) { endpoint, _ in
            for end in 0..<whole.bytes.count {
                var events: [AnswerEvent] = []
                let found = try await failure { events = try await read(try await endpoint.answer()) }
                if let found { #expect(found.canFailOver) } else { #expect(events == shortEvents, "cut at \(end)") }
            }
        }
    }

    @Test func anInterruptedAnswerKeepsItsBeginning() async throws {
        let part = stream([#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#])
        try await ScriptedUpstream.with(script: { _, _ in .stream(part) }) { endpoint, _ in
            let answer = try await endpoint.answer()
            var event = try await answer.nextEvent()
            while case .fact? = event { event = try await answer.nextEvent() }
            #expect(event == .delta(choice: 0, .content("Hi")))
            let found = try await failure { _ = try await answer.nextEvent() }
            #expect(found?.reason == .interrupted)
        }
    }

    @Test(arguments: [true, false]) func silenceEndsInTime(afterABeginning: Bool) async throws {
        let part = afterABeginning ? stream([#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#]) : ""
        let change: (inout UpstreamSettings) -> Void = { settings in
            settings.firstByteSeconds = afterABeginning ? 60 : 0.2
            settings.idleSeconds = afterABeginning ? 0.2 : 60
        }
        try await ScriptedUpstream.with(settings: change, script: { _, _ in .stream(part, isComplete: false) }) { endpoint, server in
            let found = try await failure { _ = try await read(try await endpoint.answer()) }
            #expect(found?.reason == .timedOut)
            let isClosed = await server.closed.wait(atMost: .seconds(10))
            #expect(isClosed)
        }
    }

    // MARK: Control

    @Test func cancellingClosesTheRequest() async throws {
        let part = stream([#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#])
        try await ScriptedUpstream.with(script: { _, _ in .stream(part, isComplete: false) }) { endpoint, server in
            let answer = try await endpoint.answer()
            answer.canceller.cancel()
            var isCancelled = false
            do {
                while try await answer.nextEvent() != nil {}
            } catch is CancellationError {
                isCancelled = true
            }
            #expect(isCancelled)
            let isClosed = await server.closed.wait(atMost: .seconds(10))
            #expect(isClosed)
        }
    }

    @Test func aCancelledTaskClosesTheRequest() async throws {
        try await ScriptedUpstream.with(script: { _, _ in .stream("", isComplete: false) }) { endpoint, server in
            let task = Task { _ = try await endpoint.answer() }
            while server.requests.isEmpty { await Task.yield() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let isClosed = await server.closed.wait(atMost: .seconds(10))
            #expect(isClosed)
        }
    }

    @Test func aNudgeIsASignOfLife() async throws {
        let part = stream([#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#])
        try await ScriptedUpstream.with(script: { _, _ in .stream(part, isComplete: false) }) { endpoint, _ in
            let answer = try await endpoint.answer()
            var event = try await answer.nextEvent()
            while event != .delta(choice: 0, .content("Hi")) { event = try await answer.nextEvent() }
            answer.canceller.nudge()
            let idle = try await answer.nextEvent()
            #expect(idle == .idle)
        }
    }

    // MARK: Several requests

    @Test func choicesOfSeveralRequestsAreOneAnswer() async throws {
        try await ScriptedUpstream.with(.ollama, script: { _, _ in .stream(shortAnswer) }) { endpoint, server in
            var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
            request.choices = 3
            let events = try await read(try await endpoint.answer(request))
            #expect(events.count { if case .finished(_, .stop) = $0 { true } else { false } } == 3)
            #expect(events.last == .ended(Usage(promptTokens: 5, cachedPromptTokens: 3, completionTokens: 6)))
            #expect(server.requests.count == 3)
        }
    }

    private static func answer(_ content: String) -> ScriptedUpstream.Reply {
        let delta = JSON.object(["content": .string(content)]).text
        return .stream(stream([#"{"choices":[{"index":0,"delta":\#(delta),"finish_reason":"stop"}]}"#, "[DONE]"]))
    }

    @Test func anAnswerThatIsNoJSONIsRequestedOnceMore() async throws {
        let conversation = Conversation(messages: [ChatMessage(.user, "hi")], responseSchema: ["type": "object"])
        let request = ChatRequest(conversation: conversation)
        try await ScriptedUpstream.with(.openai, script: { _, number in Self.answer(number == 0 ? "{\"a\":" : "{}") }) { endpoint, server in
            let events = try await read(try await endpoint.answer(request))
            #expect(events.first == .delta(choice: 0, .content("{}")))
            #expect(server.requests.count == 2)
        }
        try await ScriptedUpstream.with(.openai, script: { _, _ in Self.answer("no") }) { endpoint, server in
            let events = try await read(try await endpoint.answer(request))
            #expect(events.first == .delta(choice: 0, .content("no")))
            #expect(server.requests.count == 2)
        }
    }

    @Test func anthropicsAPIIsSpoken() async throws {
        let events: [JSON] = [
            ["type": "message_start", "message": ["usage": ["input_tokens": 5]]],
            ["type": "content_block_delta", "index": 0, "delta": ["type": "text_delta", "text": "Hi"]],
            ["type": "message_delta", "delta": ["stop_reason": "end_turn"], "usage": ["output_tokens": 2]], ["type": "message_stop"],
        ]
        let reply = ScriptedUpstream.Reply.stream(stream(events.map(\.text)))
        try await ScriptedUpstream.with(.anthropic, script: { _, _ in reply }) { endpoint, server in
            let events = try await read(try await endpoint.answer())
            let usage = Usage(promptTokens: 5, cachedPromptTokens: 0, completionTokens: 2)
            #expect(events == [.delta(choice: 0, .content("Hi")), .finished(choice: 0, .stop), .ended(usage)])
            #expect(server.requests.first?.path == "/v1/messages")
            #expect(server.requests.first?.head.contains("x-api-key: secret-key") == true)
        }
    }
}
