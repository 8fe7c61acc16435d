import ShimmyClient
import ShimmyJSON
import Testing

@Suite struct ChatSessionTests {
    @Test func aRequestHasAllThatWasSet() throws {
        var session = ChatSession(model: "m")
        session.system = "Be brief."
        session.keepAlive = "5m"
        session.format = ["type": "json_object"]
        try session.set("temperature", "0.5")
        try session.set("stop", "END")
        session.ask("Hi")
        session.answered("Hello.")
        session.ask("And?")
        #expect(
            session.request() == [
                "model": "m",
                "messages": [
                    ["role": "system", "content": "Be brief."], ["role": "user", "content": "Hi"], ["role": "assistant", "content": "Hello."],
                    ["role": "user", "content": "And?"],
                ],
                "stream": true, "stream_options": ["include_usage": true], "temperature": 0.5, "stop": ["END"],
                "response_format": ["type": "json_object"], "keep_alive": "5m",
            ])
    }

    @Test func whatIsRecommendedHoldsWhereNothingIsSet() throws {
        var session = ChatSession(model: "m")
        try session.set("temperature", "0")
        session.ask("Hi")
        let request = session.request(recommended: ["temperature": 0.7, "top_k": 20])
        #expect(request["temperature"] == 0 && request["top_k"] == 20 && session.request()["top_k"] == nil)
    }

    @Test func aQuestionWithoutAnAnswerIsTakenBack() {
        var session = ChatSession(model: "m")
        session.ask("Hi")
        session.answered("")
        #expect(session.messages.isEmpty)
        session.answered("")
        #expect(session.messages.isEmpty)
    }

    @Test func clearingKeepsHowItIsHeld() throws {
        var session = ChatSession(model: "m")
        session.system = "s"
        try session.set("seed", "7")
        session.ask("Hi")
        session.clear()
        #expect(session.messages.isEmpty)
        #expect(session.system == "s")
        #expect(session.parameters == ["seed": 7])
        try session.unset("seed")
        #expect(session.parameters == [:])
    }

    @Test(
        arguments: [
            ("temperature", "0", JSON.double(0)), ("top_p", "0.9", 0.9), ("top_k", "40", 40), ("max_tokens", "16", 16), ("seed", "-3", -3),
            ("stop", "a b", ["a b"]), ("stop", "\"\\n\"", ["\n"]), ("stop", "[\"a\", \"b\"]", ["a", "b"]), ("reasoning_effort", "low", "low"),
        ] as [(String, String, JSON)])
    func valuesAreRead(name: String, text: String, value: JSON) throws {
        #expect(try ChatParameter.named(name).value(text) == value)
    }

    @Test(arguments: [
        ("temperature", "3"), ("temperature", "warm"), ("temperature", "nan"), ("top_p", "-0.1"), ("max_tokens", "0"), ("max_tokens", "1.5"),
        ("seed", "x"), ("stop", "[]"), ("stop", "[1]"), ("stop", "[\"a\",\"b\",\"c\",\"d\",\"e\"]"), ("reasoning_effort", "much"), ("warmth", "1"),
    ])
    func whatCannotBeIsRefused(name: String, text: String) {
        var session = ChatSession(model: "m")
        #expect(throws: ChatParameter.Refusal.self) { try session.set(name, text) }
        #expect(session.parameters == [:])
    }

    @Test func whatIsSavedComesBack() throws {
        var session = ChatSession(model: "m")
        session.system = "s"
        try session.set("temperature", "0")
        session.ask("日本?")
        session.answered("Yes.")
        let saved = try JSON.parse(session.saved.pretty())
        var other = ChatSession(model: "other")
        #expect(try other.restore(saved) == "m")
        #expect(other.model == "other")
        session.model = "other"
        #expect(other == session)
    }

    @Test(arguments: [
        JSON.null, [:], ["version": 2, "model": "m", "messages": []], ["version": 1, "model": "m"],
        ["version": 1, "model": "m", "messages": [["role": "wizard", "content": "x"]]],
        ["version": 1, "model": "m", "messages": [["role": "user"]]],
        ["version": 1, "model": "m", "messages": [], "parameters": ["temperature": 9]],
        ["version": 1, "model": "m", "messages": [], "parameters": ["messages": []]],
    ])
    func whatIsNoSessionChangesNothing(saved: JSON) {
        var session = ChatSession(model: "m")
        session.ask("Hi")
        let before = session
        #expect(throws: ChatSession.Unreadable.self) { try session.restore(saved) }
        #expect(session == before)
    }

    @Test func chunksAreEvents() {
        #expect(ChatEvent.events(of: ["choices": [["index": 0, "delta": ["role": "assistant", "content": ""], "finish_reason": .null]]]) == [])
        #expect(ChatEvent.events(of: ["choices": [["delta": ["reasoning_content": "Hm"], "finish_reason": .null]]]) == [.reasoning("Hm")])
        #expect(ChatEvent.events(of: ["choices": [["delta": ["content": "Yes"], "finish_reason": "stop"]]]) == [.content("Yes"), .finished("stop")])
        let usage: JSON = ["prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": ["cached_tokens": 5]]
        #expect(
            ChatEvent.events(of: ["choices": [], "usage": usage]) == [.usage(ChatUsage(promptTokens: 9, cachedTokens: 5, completionTokens: 4))])
    }

    @Test func speedIsThatOfTheTokensAfterTheFirst() {
        let usage = ChatUsage(promptTokens: 1, cachedTokens: 0, completionTokens: 11)
        #expect(ChatTimes(usage: usage, firstToken: 1, total: 3).tokensPerSecond == 5)
        #expect(ChatTimes(usage: ChatUsage(promptTokens: 1, cachedTokens: 0, completionTokens: 1), firstToken: 1, total: 1).tokensPerSecond == nil)
    }
}
