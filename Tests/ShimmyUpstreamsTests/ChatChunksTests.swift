import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

@Suite struct ChatChunksTests {
    /// Reads a stream whose bytes arrive in these pieces.
    private func read(_ pieces: [[UInt8]], _ chunks: inout ChatChunks) throws -> [AnswerEvent] {
        var stream = EventStream(upstream: "box")
        var events: [AnswerEvent] = []
        for piece in pieces {
            for data in try stream.push(piece) {
                if chunks.isDone { return events }
                let isMark = data == Array("[DONE]".utf8)
                events += try isMark ? chunks.end(isMarked: true) : chunks.push(JSON.parse(data))
            }
        }
        if !chunks.isDone { events += try chunks.end(isMarked: false) }
        return events
    }

    private func read(_ events: [String], choices: Int = 1, splits: Bool = false, stops: [String] = []) throws -> [AnswerEvent] {
        var chunks = ChatChunks(upstream: "box", choices: choices, splitsReasoning: splits, stops: stops)
        return try read([Array(stream(events + ["[DONE]"]).utf8)], &chunks)
    }

    /// Returns a chunk with a delta.
    private func chunk(_ delta: String, reason: String? = nil, index: Int = 0) -> String {
        let reason = reason.map { "\"\($0)\"" } ?? "null"
        return #"{"choices":[{"index":\#(index),"delta":\#(delta),"finish_reason":\#(reason)}]}"#
    }

    @Test func bytesMayArriveInAnyPieces() throws {
        let bytes = Array(shortAnswer.utf8)
        for size in 1...bytes.count {
            var chunks = ChatChunks(upstream: "box", choices: 1)
            let pieces = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
            let events = try read(pieces, &chunks)
            #expect(events == Array(shortEvents.dropLast()))
            #expect(chunks.usage == Usage(promptTokens: 5, cachedPromptTokens: 3, completionTokens: 2))
        }
    }

    @Test func anAnswerOfNoTokensHasNoText() throws {
        var chunks = ChatChunks(upstream: "box", choices: 1, isEmpty: true)
        let events = [
            #"{"choices":[{"index":0,"text":" one","logprobs":null,"finish_reason":null}]}"#,
            #"{"choices":[{"index":0,"text":"","finish_reason":"stop","stopping_word":"x"}]}"#,
            #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#, "[DONE]",
        ]
        let found = try read([Array(stream(events).utf8)], &chunks)
        #expect(found == [.finished(choice: 0, .length)])
        #expect(chunks.usage == Usage(promptTokens: 5, cachedPromptTokens: 0, completionTokens: 0))
    }

    /// A stream that is cut at any byte is never taken for a complete one.
    @Test func aCutStreamIsAnError() throws {
        let bytes = Array(shortAnswer.utf8)
        for end in 0..<bytes.count {
            var chunks = ChatChunks(upstream: "box", choices: 1)
            do {
                _ = try read([Array(bytes[..<end])], &chunks)
                Issue.record("a stream of \(end) bytes is complete")
            } catch let error as UpstreamFailure {
                #expect(error.reason == .interrupted)
            }
        }
    }

    @Test(arguments: [
        "7", "[]", "null", "\"a\"", #"{"choices":7}"#, #"{"choices":[7]}"#, #"{"choices":[{"index":-1,"delta":{"content":"a"}}]}"#,
        #"{"choices":[{"index":9223372036854775807,"delta":{}}]}"#, #"{"choices":[{"delta":[]}]}"#, #"{"choices":[{"delta":{"tool_calls":[7]}}]}"#,
        #"{"choices":[{"delta":{"tool_calls":[{"index":5}]}}]}"#, #"{"usage":{"prompt_tokens":-5,"completion_tokens":1e300}}"#,
        #"{"choices":[{"delta":{"content":7,"reasoning":[]},"logprobs":7}]}"#, #"{"choices":[{"finish_reason":"abort"}]}"#,
        #"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":7,"logprob":"x","bytes":[-1,300]}]}}]}"#,
    ])
    func whateverArrivesEndsWithoutACrash(event: String) throws {
        _ = try? read([event])
        _ = try? read([event, chunk("{}", reason: "stop")])
        _ = try? read([chunk(#"{"content":"a"}"#), event, chunk("{}", reason: "tool_calls")])
    }

    @Test func countsAreWithinTheirRange() throws {
        var chunks = ChatChunks(upstream: "box", choices: 1)
        _ = try chunks.push(["usage": ["prompt_tokens": -5, "completion_tokens": 3, "completion_tokens_details": ["reasoning_tokens": 9]]])
        #expect(chunks.usage == Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 3, reasoningTokens: 3))
    }

    @Test func reasoningHasTwoNames() throws {
        for name in ["reasoning", "reasoning_content"] {
            let events = try read([chunk("{\"\(name)\":\"hm\"}"), chunk(#"{"content":"a"}"#), chunk("{}", reason: "length")])
            #expect(events == [.delta(choice: 0, .reasoning("hm")), .delta(choice: 0, .content("a")), .finished(choice: 0, .length)])
        }
    }

    @Test func choicesComeInAnyOrder() throws {
        let events = try read(
            [
                chunk(#"{"content":"b"}"#, index: 1), chunk(#"{"content":"a"}"#), chunk("{}", reason: "stop", index: 1),
                chunk("{}", reason: "stop"),
            ], choices: 2)
        #expect(
            events == [
                .delta(choice: 1, .content("b")), .delta(choice: 0, .content("a")), .finished(choice: 1, .stop), .finished(choice: 0, .stop),
            ])
        #expect(throws: UpstreamFailure.self) { try read([chunk("{}", reason: "stop", index: 1)], choices: 2) }
    }

    // MARK: Calls

    private let callEvents: [AnswerEvent] = [
        .delta(choice: 0, .call(index: 0, id: "c1", name: "f")), .delta(choice: 0, .arguments(index: 0, "{\"a\":")),
        .delta(choice: 0, .arguments(index: 0, "1}")), .delta(choice: 0, .call(index: 1, id: "c2", name: "g")),
        .delta(choice: 0, .arguments(index: 1, "{}")), .finished(choice: 0, .toolCalls),
    ]

    @Test func callsComeInParts() throws {
        let events = try read([
            chunk(#"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}"#),
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#),
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#),
            chunk(#"{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g"}}]}"#), chunk("{}", reason: "tool_calls"),
        ])
        #expect(events == callEvents)
    }

    /// Some servers send whole calls without indices, or with the same index, or with the reason "stop".
    @Test(arguments: ["", #""index":0,"#])
    func callsComeWhole(index: String) throws {
        let calls =
            #"{"tool_calls":[{\#(index)"id":"c1","function":{"name":"f","arguments":{"a":1}}},"#
            + #"{\#(index)"id":"c2","function":{"name":"g","arguments":"{}"}}]}"#
        let events = try read([chunk(calls, reason: "stop")])
        #expect(
            events == [
                .delta(choice: 0, .call(index: 0, id: "c1", name: "f")), .delta(choice: 0, .arguments(index: 0, "{\"a\":1}")),
                .delta(choice: 0, .call(index: 1, id: "c2", name: "g")), .delta(choice: 0, .arguments(index: 1, "{}")),
                .finished(choice: 0, .toolCalls),
            ])
    }

    @Test func aDeprecatedCallIsACall() throws {
        let events = try read([chunk(#"{"function_call":{"name":"f","arguments":"{}"}}"#), chunk("{}", reason: "function_call")])
        #expect(
            events == [
                .delta(choice: 0, .call(index: 0, id: nil, name: "f")), .delta(choice: 0, .arguments(index: 0, "{}")),
                .finished(choice: 0, .toolCalls),
            ])
    }

    @Test func aCallWithoutANameIsAnError() throws {
        #expect(throws: UpstreamFailure.self) {
            try read([chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#), chunk("{}", reason: "tool_calls")])
        }
    }

    @Test func callsAreBounded() throws {
        let calls = (0...UpstreamLimits.calls).map { chunk(#"{"tool_calls":[{"index":\#($0),"function":{"name":"f"}}]}"#) }
        #expect(throws: UpstreamFailure.self) { try read(calls) }
        _ = try read(calls.dropLast() + [chunk("{}", reason: "tool_calls")])
    }

    /// The parts of calls may come mixed; the events of a call come together.
    @Test func mixedCallsComeOneAfterTheOther() throws {
        let events = try read([
            chunk(#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f"}},{"index":1,"id":"c2","function":{"name":"g"}}]}"#),
            chunk(#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#),
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#),
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#), chunk("{}", reason: "tool_calls"),
        ])
        #expect(events == callEvents)
    }

    @Test func mixedArgumentsAreBounded() throws {
        let half = String(repeating: "a", count: UpstreamLimits.heldArguments / 2 + 1)
        let part = chunk(#"{"tool_calls":[{"index":1,"function":{"arguments":"\#(half)"}}]}"#)
        let names = #"{"tool_calls":[{"index":0,"function":{"name":"f"}},{"index":1,"function":{"name":"g"}}]}"#
        #expect(throws: UpstreamFailure.self) { try read([chunk(names), part, part]) }
    }

    @Test(arguments: [#""index":1,"#, ""])
    func aSecondCallWithTheSameIDGetsAnother(index: String) throws {
        let events = try read([
            chunk(#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}}]}"#),
            chunk(#"{"tool_calls":[{\#(index)"id":"c1","function":{"name":"g","arguments":"{}"}}]}"#), chunk("{}", reason: "tool_calls"),
        ])
        #expect(
            events == [
                .delta(choice: 0, .call(index: 0, id: "c1", name: "f")), .delta(choice: 0, .arguments(index: 0, "{}")),
                .delta(choice: 0, .call(index: 1, id: nil, name: "g")), .delta(choice: 0, .arguments(index: 1, "{}")),
                .finished(choice: 0, .toolCalls),
            ])
    }

    // MARK: Ends

    @Test func aContentFilterIsAnError() throws {
        var chunks = ChatChunks(upstream: "box", choices: 1)
        let text = try JSON.parse(chunk(#"{"content":"a"}"#))
        let end = try JSON.parse(chunk("{}", reason: "content_filter"))
        let first = try chunks.push(text)
        #expect(first == [.delta(choice: 0, .content("a"))])
        let error = #expect(throws: UpstreamFailure.self) { try chunks.push(end) }
        #expect(error?.reason == .refused(status: 400, param: nil, code: "content_filter"))
    }

    @Test func anUnknownReasonIsAStop() throws {
        let events = try read([chunk(#"{"content":"a"}"#), chunk("{}", reason: "new")])
        #expect(events == [.delta(choice: 0, .content("a")), .finished(choice: 0, .stop)])
    }

    @Test(arguments: 1...4)
    func aStreamMayBeginWithAByteOrderMark(size: Int) throws {
        let bytes: [UInt8] = [0xEF, 0xBB, 0xBF] + Array(shortAnswer.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        var chunks = ChatChunks(upstream: "box", choices: 1)
        let events = try read(pieces, &chunks)
        #expect(events == Array(shortEvents.dropLast()))
        #expect(chunks.usage?.promptTokens == 5)
    }

    // MARK: Texts

    @Test func stopStringsCutTheContent() throws {
        let parts = [chunk(#"{"content":"one E"}"#), chunk(#"{"content":"ND two"}"#), chunk("{}", reason: "length")]
        let events = try read(parts, stops: ["END"])
        #expect(
            events == [.delta(choice: 0, .content("one ")), .fact(choice: 0, .stopped(by: "END")), .finished(choice: 0, .stop)])
        let others = try read(parts, stops: ["ENX"])
        #expect(others == [.delta(choice: 0, .content("one ")), .delta(choice: 0, .content("END two")), .finished(choice: 0, .length)])
    }

    @Test func tagsSeparateReasoning() throws {
        let text = "<think>\nhm, é\n</think>\n\nHi </think>"
        let characters = text.unicodeScalars.map { String($0) }
        for size in 1...characters.count {
            let parts = stride(from: 0, to: characters.count, by: size).map { characters[$0..<min($0 + size, characters.count)].joined() }
            let chunks = parts.map { chunk(JSON.object(["content": .string($0)]).text) } + [chunk("{}", reason: "stop")]
            var (reasoning, content) = ("", "")
            for case .delta(_, let delta) in try read(chunks, splits: true) {
                switch delta {
                case .reasoning(let text): reasoning += text
                case .content(let text, _): content += text
                default: break
                }
            }
            #expect(reasoning == "hm, é\n")
            #expect(content == "Hi </think>")
        }
    }

    @Test(arguments: ["<thin", " <", "a <think>b</think>", "<thinker>", ""])
    func otherTextsAreContent(text: String) throws {
        let events = try read([chunk(JSON.object(["content": .string(text)]).text), chunk("{}", reason: "stop")], splits: true)
        var content = ""
        for case .delta(_, .content(let part, _)) in events { content += part }
        #expect(content == text)
    }

    @Test func logprobsGoWithTheirText() throws {
        let logprobs = #"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1.0,"bytes":[98]}]}]}"#
        let events = try read([
            #"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":\#(logprobs),"finish_reason":"stop"}]}"#
        ])
        let probability = TokenProbability(drawn: .init(bytes: [97], logprob: -0.5), top: [.init(bytes: [98], logprob: -1)])
        #expect(events == [.delta(choice: 0, .content("a", [probability])), .finished(choice: 0, .stop)])
    }

    @Test func textCompletionsAreRead() throws {
        let events = try read([
            #"{"choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[{"b":-1.0}]}}]}"#,
            #"{"choices":[{"index":0,"text":"","finish_reason":"length"}]}"#,
        ])
        let probability = TokenProbability(drawn: .init(bytes: [97], logprob: -0.5), top: [.init(bytes: [98], logprob: -1)])
        #expect(events == [.delta(choice: 0, .content("a", [probability])), .finished(choice: 0, .length)])
    }

    // MARK: Errors

    @Test func anErrorInTheStreamHasItsMessage() throws {
        let cases: [(String, UpstreamFailure.Reason)] = [
            (#"{"error":{"message":"it broke","type":"InternalServerError","code":500}}"#, .failed(status: 500)),
            (#"{"error":{"message":"it broke","code":400,"param":"messages"}}"#, .refused(status: 400, param: "messages", code: nil)),
            (
                #"{"error":{"message":"it broke","type":"invalid_request_error","code":"x"}}"#,
                .refused(status: 400, param: nil, code: "x")
            ),
            (#"{"object":"error","message":"it broke","code":429}"#, .busy(status: 429, retryAfter: nil)),
            (#"{"error":{"message":"it broke","code":529}}"#, .busy(status: 503, retryAfter: nil)), (#"{"error":"it broke"}"#, .failed(status: 500)),
        ]
        for (event, reason) in cases {
            var chunks = ChatChunks(upstream: "box", choices: 1)
            let json = try JSON.parse(event)
            #expect(throws: UpstreamFailure("box", reason, "it broke")) { try chunks.push(json) }
        }
    }

    @Test func linesAndAnswersAreBounded() throws {
        var lines = EventStream(upstream: "box", eventBytes: 100)
        #expect(throws: UpstreamFailure.self) { for _ in 0..<20 { _ = try lines.push([UInt8](repeating: 97, count: 10)) } }
        var answers = EventStream(upstream: "box", eventBytes: 100, answerBytes: 1_000)
        #expect(throws: UpstreamFailure.self) { for _ in 0..<200 { _ = try answers.push(Array("data: 1\n\n".utf8)) } }
    }
}
