import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Ollama's answers: the values of streams and whole answers, times, and conversations that are cut.
@Suite struct OllamaAnswerTests {
    private static let usage = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 2)
    private static let durations = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"]

    private func dialect(_ route: OllamaRoute, streams: Bool) -> OllamaDialect {
        OllamaDialect(OllamaAnswer(route, model: "m"), streams: streams, moments: OllamaMoments(arrived: .now, loaded: .now))
    }

    /// Returns a value without its times.
    private func timeless(_ json: JSON) -> JSON {
        var object = json.objectValue ?? [:]
        for name in ["created_at"] + Self.durations { object[name] = nil }
        return .object(object)
    }

    private func values(_ route: OllamaRoute, _ deltas: [AnswerDelta], _ reason: FinishReason = .stop, tokens: [Token]? = nil) -> [JSON] {
        var dialect = dialect(route, streams: true)
        var values = dialect.begin() + deltas.flatMap { dialect.push($0, choice: 0) }
        if let tokens { values += dialect.push(.tokens(tokens), choice: 0) }
        values += dialect.push(reason, choice: 0)
        values += dialect.finish(Self.usage, time: 0)
        #expect(dialect.whole == nil)
        return values.map(timeless)
    }

    private func whole(_ route: OllamaRoute, _ deltas: [AnswerDelta], _ reason: FinishReason = .stop) throws -> JSON {
        var dialect = dialect(route, streams: false)
        #expect(dialect.begin().isEmpty && deltas.allSatisfy { dialect.push($0, choice: 0).isEmpty })
        #expect(dialect.push(reason, choice: 0).isEmpty && dialect.finish(Self.usage, time: 0).isEmpty)
        return timeless(try #require(dialect.whole))
    }

    private static let end = #""done":true,"done_reason":"stop","prompt_eval_count":7,"eval_count":2}"#

    @Test func aStreamOfMessages() {
        let values = values(.chat, [.reasoning("hm"), .content("a"), .content("b")])
        #expect(
            values.map(\.text) == [
                #"{"model":"m","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
                #"{"model":"m","message":{"role":"assistant","content":"a"},"done":false}"#,
                #"{"model":"m","message":{"role":"assistant","content":"b"},"done":false}"#,
                #"{"model":"m","message":{"role":"assistant","content":""},\#(Self.end)"#,
            ])
    }

    @Test func aStreamOfTexts() {
        let values = values(.generate, [.reasoning("hm"), .content("a")], tokens: [1, 2])
        #expect(
            values.map(\.text) == [
                #"{"model":"m","response":"","thinking":"hm","done":false}"#, #"{"model":"m","response":"a","done":false}"#,
                #"{"model":"m","response":"","done":true,"done_reason":"stop","context":[1,2],"prompt_eval_count":7,"eval_count":2}"#,
            ])
    }

    @Test func wholeAnswers() throws {
        let deltas: [AnswerDelta] = [.reasoning("h"), .reasoning("m"), .content("a"), .content("b")]
        #expect(try whole(.chat, deltas).text == #"{"model":"m","message":{"role":"assistant","content":"ab","thinking":"hm"},\#(Self.end)"#)
        #expect(try whole(.generate, deltas).text == #"{"model":"m","response":"ab","thinking":"hm",\#(Self.end)"#)
        #expect(try whole(.chat, [.content("a")], .length)["done_reason"] == "length")
    }

    @Test func callsAreWholeAndTheirArgumentsObjects() throws {
        let deltas: [AnswerDelta] = [
            .call(index: 0, id: "one", name: "f"), .arguments(index: 0, #"{"a":"#), .arguments(index: 0, "1}"), .call(index: 1, id: nil, name: "g"),
            .arguments(index: 1, "{}"),
        ]
        let calls = try #require(try whole(.chat, deltas, .toolCalls)["message"]?["tool_calls"]?.arrayValue)
        #expect(calls[0].text == #"{"id":"one","function":{"index":0,"name":"f","arguments":{"a":1}}}"#)
        #expect(calls[1]["function"] == ["index": 1, "name": "g", "arguments": [:]])
        #expect(calls[1]["id"]?.stringValue?.hasPrefix("call_") == true)
        let streamed = values(.chat, deltas, .toolCalls)
        #expect(streamed.count == 3 && streamed[2]["done_reason"] == "stop")
        #expect(streamed[0]["message"]?["tool_calls"]?[0] == calls[0])
        #expect(streamed[1]["message"]?["tool_calls"]?[0]?["function"] == calls[1]["function"])
    }

    @Test func aCallThatWasCutOffIsOmitted() throws {
        let deltas: [AnswerDelta] = [.content("a"), .call(index: 0, id: nil, name: "f"), .arguments(index: 0, #"{"a":"#)]
        let answer = try whole(.chat, deltas, .length)
        #expect(answer["message"] == ["role": "assistant", "content": "a"])
        #expect(answer["done_reason"] == "length")
    }

    @Test func logprobsBelongToTheirText() throws {
        let drawn = TokenProbability.Entry(bytes: [97], logprob: -1)
        let deltas: [AnswerDelta] = [.content("a", [TokenProbability(drawn: drawn, top: [drawn])])]
        let logprobs = #"[{"token":"a","logprob":-1.0,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-1.0,"bytes":[97]}]}]"#
        #expect(values(.chat, deltas)[0]["logprobs"]?.text == logprobs)
        #expect(try whole(.generate, deltas)["logprobs"]?.text == logprobs)
        #expect(try whole(.generate, [.content("a")])["logprobs"] == nil)
    }

    @Test func durationsAddUp() throws {
        let start = ContinuousClock.now
        var dialect = OllamaDialect(
            OllamaAnswer(.chat, model: "m"), streams: false, moments: OllamaMoments(arrived: start - .seconds(3), loaded: start - .seconds(1)))
        _ = dialect.push(.content("a"), choice: 0)
        _ = dialect.finish(Self.usage, time: 0)
        let answer = try #require(dialect.whole)
        let times = Self.durations.map { answer[$0]?.intValue ?? -1 }
        #expect(times[1] == 2_000_000_000)
        #expect(times[0] >= 3_000_000_000 && times[2] >= 1_000_000_000 && times[3] >= 0)
        #expect(abs(times[1] + times[2] + times[3] - times[0]) < 1000, "in nanoseconds, but for rounding")
        let created = try #require(answer["created_at"]?.stringValue)
        #expect(created.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z/) != nil)
    }

    @Test func anErrorIsAText() {
        var dialect = dialect(.chat, streams: true)
        #expect(dialect.fail(.unknownModel("x")) == [["error": "model 'x' not found"]])
        #expect(dialect.fail(.internal("no")) == [["error": "no"]])
    }

    @Test func timesHaveNanoseconds() {
        #expect(OllamaTime.text(0) == "1970-01-01T00:00:00.000000000Z")
        #expect(OllamaTime.text(1_700_000_000.25) == "2023-11-14T22:13:20.250000000Z")
    }

    @Test func loadsHaveNoText() {
        #expect(
            timeless(OllamaAnswer(.chat, model: "m").withoutText("load")).text
                == #"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}"#)
        #expect(
            timeless(OllamaAnswer(.generate, model: "m").withoutText("unload")).text
                == #"{"model":"m","response":"","done":true,"done_reason":"unload"}"#)
    }

    // MARK: Embeddings

    @Test func vectors() throws {
        let result = EmbeddingResult(vectors: [[0.5, 1], [0, 0.25]], promptTokens: 5)
        let moments = OllamaMoments(arrived: .now, loaded: .now)
        let request = try OllamaEmbedRequest(embed: ["model": "m", "input": ["a", "b"]])
        #expect(timeless(request.response(result, moments)).text == #"{"model":"m","embeddings":[[0.5,1.0],[0.0,0.25]],"prompt_eval_count":5}"#)
        #expect(request.response(result, moments)["total_duration"]?.intValue != nil)
        #expect(request.response(nil, moments).text == #"{"model":"m","embeddings":[]}"#)
        let older = try OllamaEmbedRequest(embeddings: ["model": "m", "prompt": "a"])
        #expect(older.response(result, moments).text == #"{"embedding":[0.5,1.0]}"#)
        #expect(older.response(nil, moments).text == #"{"embedding":[]}"#)
    }

    // MARK: Truncation

    private func message(_ text: String) -> ChatMessage {
        switch text.first {
        case "s": ChatMessage(.system, text)
        case "u": ChatMessage(.user, text)
        case "t": ChatMessage(role: .tool, content: [.text(text)], toolCallID: "c")
        default: ChatMessage(.assistant, text)
        }
    }

    /// The messages have the same length, so that a share of the tokens is the same share of the messages.
    @Test(arguments: [
        ("s1 u1 a1 u2 a2 u3", 1, "s1 u2 a2 u3"), ("s1 u1 a1 u2 a2 u3", 3, "s1 u3"), ("s1 u1 a1 u2 a2 u3", 9, "s1 u3"),
        ("u1 a1 t1 u2", 1, "u2"), ("u1 a1 t1 a2 t2 a3 t3", 2, "u1 a2 t2 a3 t3"), ("u1 a1 t1 a2 t2 a3 t3", 9, "u1 a3 t3"),
        ("u1 u2 a2", 1, "u2 a2"),
    ])
    func theOldestMessagesGo(all: String, excess: Int, rest: String) {
        let messages = all.split(separator: " ").map { message(String($0)) }
        let fewer = MessageTruncation.dropping(messages, excess: excess, of: messages.count)
        #expect(fewer == rest.split(separator: " ").map { message(String($0)) })
    }

    @Test(arguments: ["u1", "s1 u1", "u1 a1 t1"]) func theLastQuestionStays(all: String) {
        #expect(MessageTruncation.dropping(all.split(separator: " ").map { message(String($0)) }, excess: 5, of: 10) == nil)
    }

    @Test func manyMessagesAreCutSoon() {
        let messages = (0..<20_000).map { message($0 % 2 == 0 ? "u" : "a") }
        #expect(MessageTruncation.dropping(messages, excess: 1, of: 2)?.count == 10_000)
        #expect(MessageTruncation.dropping(messages, excess: 1, of: 20_000, attempt: 3)?.count == 19_992)
    }
}
