import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Checks of answers whose form the upstream does not enforce.
@Suite struct AnswerCheckTests {
    private static let schema: JSON = [
        "type": "object", "properties": ["age": ["type": "integer", "minimum": 1]], "required": ["age"], "additionalProperties": false,
    ]
    private static let name = "choices[0].message.tool_calls[0].function.name"
    private static let arguments = "choices[0].message.tool_calls[0].function.arguments"

    private func request(_ mode: ToolChoice.Mode = .auto, isStrict: Bool = false) -> ChatRequest {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.conversation.tools = [Tool(name: "get_age", parameters: Self.schema, isStrict: isStrict)]
        request.conversation.toolChoice = ToolChoice(mode)
        return request
    }

    private static func delta(_ delta: JSON, end: String? = nil) -> String {
        let choice: JSON = ["index": 0, "delta": delta, "finish_reason": end.map { JSON.string($0) } ?? .null]
        return JSON.object(["choices": [choice]]).text
    }

    private static let usage = #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#

    /// Returns an answer with a text, if there is one, and then a call.
    private static func call(_ name: String, _ arguments: String, after text: String? = nil) -> ScriptedUpstream.Reply {
        let call: JSON = ["index": 0, "id": "c", "function": ["name": .string(name), "arguments": .string(arguments)]]
        let texts = text.map { [delta(["content": .string($0)])] } ?? []
        return .stream(stream(texts + [delta(["tool_calls": [call]]), delta([:], end: "tool_calls"), usage, "[DONE]"]))
    }

    /// Returns the events with the faults that they name, and the faults that the report names.
    private func answer(
        _ request: ChatRequest, _ endpoint: UpstreamEndpoint, isWhole: Bool = false
    ) async throws -> (events: [AnswerEvent], faults: [String], report: [String]) {
        var terms = ServiceTerms()
        terms.isWhole = isWhole
        let answer = try await endpoint.generate(request, model: "m", terms: terms, context: UpstreamContext())
        var (events, faults): ([AnswerEvent], [String]) = ([], [])
        while let event = try await answer.nextEvent() {
            if case .fact(_, .unfit(let parts)) = event { faults += parts }
            if case .fact = event { continue }
            events.append(event)
        }
        return (events, faults, answer.report.unfit)
    }

    @Test(arguments: [("other", "{}"), ("get_age", "{\"age\":"), ("get_age", "[1]")])
    func aWrongCallIsRequestedOnceMore(name: String, arguments: String) async throws {
        let right = Self.call("get_age", "{\"age\": 3}")
        try await ScriptedUpstream.with(script: { _, number in number == 0 ? Self.call(name, arguments) : right }) { endpoint, server in
            let found = try await answer(request(), endpoint)
            #expect(found.events.contains(.delta(choice: 0, .arguments(index: 0, "{\"age\": 3}"))))
            #expect(found.faults.isEmpty && found.report.isEmpty && server.requests.count == 2)
        }
        try await ScriptedUpstream.with(script: { _, _ in Self.call(name, arguments) }) { endpoint, server in
            let found = try await answer(request(), endpoint)
            let path = name == "other" ? Self.name : Self.arguments
            #expect(found.faults == [path] && found.report == [path] && server.requests.count == 2)
            let usage = Usage(promptTokens: 5, cachedPromptTokens: 0, completionTokens: 2)
            var both = usage
            both.rejected.add(usage)
            #expect(found.events.last == .ended(both) && both.withRejected.promptTokens == 10 && both.withRejected.completionTokens == 4)
        }
    }

    @Test(arguments: [(ToolChoice.Mode.auto, true), (.required, false), (.auto, false)])
    func schemasApplyToStrictAndRequiredCalls(mode: ToolChoice.Mode, isStrict: Bool) async throws {
        try await ScriptedUpstream.with(script: { _, _ in Self.call("get_age", "{\"age\": 0}") }) { endpoint, server in
            let found = try await answer(request(mode, isStrict: isStrict), endpoint, isWhole: true)
            let isChecked = isStrict || mode == .required
            #expect(found.report == (isChecked ? [Self.arguments] : []))
            #expect(server.requests.count == (isChecked ? 2 : 1))
        }
    }

    @Test func aRequiredCallMustBeThere() async throws {
        let text = ScriptedUpstream.Reply.stream(shortAnswer)
        try await ScriptedUpstream.with(script: { _, _ in text }) { endpoint, server in
            // The stream of a kind that enforces required calls does not wait for the check.
            let streamed = try await answer(request(.required), endpoint)
            #expect(streamed.faults == ["choices[0].message.tool_calls"] && streamed.report.isEmpty && server.requests.count == 1)
            let whole = try await answer(request(.required), endpoint, isWhole: true)
            #expect(whole.report == ["choices[0].message.tool_calls"] && server.requests.count == 3)
        }
        for kind in [UpstreamKind.sglang, .llamaServer, .openai] {
            try await ScriptedUpstream.with(kind, script: { _, _ in text }) { endpoint, server in
                let found = try await answer(request(.required), endpoint)
                #expect(found.report == ["choices[0].message.tool_calls"] && server.requests.count == 2)
            }
        }
    }

    /// llama-server enforces the calls that it makes, but may make none.
    @Test func aStreamOfLlamaServerWaitsForTheFirstCall() async throws {
        let reply = Self.call("get_age", "{\"age\": 0}", after: "Well. ")
        try await ScriptedUpstream.with(.llamaServer, script: { _, _ in reply }) { endpoint, server in
            let found = try await answer(request(.required), endpoint)
            #expect(found.faults == [Self.arguments] && found.report.isEmpty && server.requests.count == 1)
        }
    }

    @Test(arguments: [UpstreamKind.vllm, .sglang, .llamaServer, .shimmy])
    func anAnswerMustFitItsGrammar(kind: UpstreamKind) async throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.grammar = "root ::= \"yes\" | \"no\""
        func reply(_ text: String, _ end: String = "stop") -> ScriptedUpstream.Reply {
            .stream(stream([Self.delta(["content": .string(text)], end: end), Self.usage, "[DONE]"]))
        }
        let (wrong, right) = (reply("maybe"), reply("no"))
        try await ScriptedUpstream.with(kind, script: { _, number in number == 0 ? wrong : right }) { endpoint, server in
            let found = try await answer(request, endpoint, isWhole: true)
            #expect(found.events.first == .delta(choice: 0, .content("no")))
            #expect(found.faults.isEmpty && server.requests.count == 2)
        }
        try await ScriptedUpstream.with(kind, script: { _, _ in wrong }) { endpoint, server in
            let found = try await answer(request, endpoint)
            let waits = kind == .sglang
            #expect(found.faults == ["choices[0].message.content"] && found.report == (waits ? found.faults : []))
            #expect(server.requests.count == (waits ? 2 : 1))
        }
        let cut = reply("ye", "length")
        try await ScriptedUpstream.with(kind, script: { _, _ in cut }) { endpoint, server in
            let found = try await answer(request, endpoint, isWhole: true)
            #expect(found.faults.isEmpty && server.requests.count == 1)
        }
    }

    @Test(arguments: [UpstreamKind.vllm, .openai, .shimmy, .llamaServer])
    func theTextOfACustomToolMustFitItsGrammar(kind: UpstreamKind) async throws {
        var request = self.request()
        request.conversation.tools = [
            Tool(
                name: "note",
                parameters: [
                    "type": "object", "properties": ["input": ["type": "string"]], "required": ["input"], "additionalProperties": false,
                ], isStrict: true, inputGrammar: Tool.InputGrammar(rules: "text ::= [a-z]+ \"\\\\n\"\n", root: "text"))
        ]
        let (wrong, right) = (Self.call("note", #"{"input": "ABC\n"}"#), Self.call("note", #"{"input":"abc\n"}"#))
        try await ScriptedUpstream.with(kind, script: { _, number in number == 0 ? wrong : right }) { endpoint, server in
            let found = try await answer(request, endpoint)
            #expect(found.faults.isEmpty && found.report.isEmpty && server.requests.count == 2)
        }
        try await ScriptedUpstream.with(kind, script: { _, _ in wrong }) { endpoint, server in
            let found = try await answer(request, endpoint)
            #expect(found.report == [Self.arguments] && server.requests.count == 2)
        }
    }

    /// After the first text, the stream goes on, and the fault is only noted.
    @Test func aStreamThatHasBegunIsNotRequestedAgain() async throws {
        let reply = Self.call("other", "{}", after: "Well. ")
        try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, server in
            let found = try await answer(request(), endpoint)
            #expect(found.faults == [Self.name] && found.report.isEmpty && server.requests.count == 1)
        }
        try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, server in
            let found = try await answer(request(), endpoint, isWhole: true)
            #expect(found.report == [Self.name] && server.requests.count == 2)
        }
    }

    @Test func upstreamsThatEnforceCallsAreNotChecked() async throws {
        for kind in [UpstreamKind.llamaServer, .shimmy] {
            try await ScriptedUpstream.with(kind, script: { _, _ in Self.call("other", "no") }) { endpoint, server in
                let found = try await answer(request(), endpoint, isWhole: true)
                #expect(found.faults.isEmpty && server.requests.count == 1)
            }
        }
    }

    @Test func anAnswerMustFitItsSchema() async throws {
        var request = ChatRequest(messages: [ChatMessage(.user, "hi")])
        request.conversation.responseSchema = Self.schema
        func reply(_ text: String) -> ScriptedUpstream.Reply {
            .stream(stream([Self.delta(["content": .string(text)], end: "stop"), Self.usage, "[DONE]"]))
        }
        let (wrong, right) = (reply("{\"age\": \"old\"}"), reply("{\"age\": 4}"))
        try await ScriptedUpstream.with(.openai, script: { _, number in number == 0 ? wrong : right }) { endpoint, server in
            let found = try await answer(request, endpoint)
            #expect(found.events.first == .delta(choice: 0, .content("{\"age\": 4}")))
            #expect(found.report.isEmpty && server.requests.count == 2)
        }
        try await ScriptedUpstream.with(.openai, script: { _, _ in wrong }) { endpoint, _ in
            let found = try await answer(request, endpoint)
            #expect(found.report == ["choices[0].message.content"])
        }
    }

    @Test func aCutCallIsNotAFault() async throws {
        let call: JSON = ["index": 0, "id": "c", "function": ["name": "get_age", "arguments": "{\"a"]]
        let reply = ScriptedUpstream.Reply.stream(
            stream([Self.delta(["tool_calls": [call]]), Self.delta([:], end: "length"), Self.usage, "[DONE]"]))
        try await ScriptedUpstream.with(script: { _, _ in reply }) { endpoint, server in
            let found = try await answer(request(.required), endpoint)
            #expect(found.report.isEmpty && server.requests.count == 1)
        }
    }
}
