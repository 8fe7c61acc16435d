import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

@Suite struct ChatCallTests {
    private static let schema: JSON = ["type": "object", "properties": ["a": ["type": "string"]]]

    private func call(
        _ request: ChatRequest, _ kind: UpstreamKind, maximumTokens: Int? = nil, user: String? = nil, namesStop: Bool = false,
        settings change: (inout UpstreamSettings) -> Void = { _ in }
    ) throws -> UpstreamCall {
        var settings = UpstreamSettings(name: "box", url: "http://box:8000")
        change(&settings)
        return try ChatCall.make(
            request, model: "m", maximumTokens: maximumTokens, kind: kind, settings: settings, user: user, namesStop: namesStop)
    }

    private var request: ChatRequest { ChatRequest(messages: [ChatMessage(.developer, "be brief"), ChatMessage(.user, "hi")]) }

    @Test func aPlainRequestSendsOnlyWhatItSets() throws {
        let call = try call(request, .vllm, maximumTokens: 7, user: "u")
        #expect(call.path == "/v1/chat/completions")
        #expect(
            call.bodies == [
                [
                    "model": "m", "stream": true, "stream_options": ["include_usage": true, "continuous_usage_stats": true],
                    "messages": [["role": "system", "content": "be brief"], ["role": "user", "content": "hi"]], "max_tokens": 7, "user": "u",
                ]
            ])
        #expect(call.report == AnswerReport())
    }

    @Test func samplingHasTheNamesOfEachKind() throws {
        var request = request
        request.sampling.topK = 5
        request.sampling.repeatPenalty = 1.5
        request.sampling.repeatWindow = .max
        request.sampling.typicalP = 0.5
        request.sampling.mirostat = Mirostat(version: .second)
        let vllm = try call(request, .vllm)
        #expect(vllm.bodies[0]["repetition_penalty"] == 1.5 && vllm.bodies[0]["top_k"] == 5)
        #expect(vllm.report.withoutEffect == ["typical_p", "mirostat"])
        let server = try call(request, .llamaServer)
        #expect(server.bodies[0]["repeat_penalty"] == 1.5 && server.bodies[0]["repeat_last_n"] == -1 && server.bodies[0]["mirostat"] == 2)
        #expect(server.report.withoutEffect.isEmpty)
        let shimmy = try call(request, .shimmy)
        #expect(shimmy.bodies[0]["repetition_penalty"] == 1.5 && shimmy.report.withoutEffect.isEmpty)
        let openAI = try call(request, .openai)
        #expect(openAI.bodies[0]["top_k"] == nil)
        #expect(openAI.report.withoutEffect == ["top_k", "typical_p", "repeat_penalty", "mirostat"])
    }

    @Test func parametersWithoutEffectAreSentIfTheRequestSetsThem() throws {
        var request = request
        request.sampling.neutral = [.temperature, .topP, .topK, .minP, .repeatPenalty]
        let vllm = try call(request, .vllm).bodies[0]
        #expect(vllm["temperature"] == 1 && vllm["top_p"] == 1 && vllm["top_k"] == -1 && vllm["min_p"] == 0 && vllm["repetition_penalty"] == 1)
        let server = try call(request, .llamaServer).bodies[0]
        #expect(server["top_k"] == 0 && server["repeat_penalty"] == 1)
        let ollama = try call(request, .ollama)
        #expect(ollama.bodies[0]["temperature"] == 1 && ollama.bodies[0]["top_k"] == nil && ollama.report.withoutEffect.isEmpty)
        request.sampling.neutral = []
        let plain = try call(request, .vllm).bodies[0]
        #expect(plain["temperature"] == nil && plain["top_p"] == nil && plain["top_k"] == nil)
    }

    @Test func openAIItselfHasAnotherNameForTheLimit() throws {
        let call = try call(request, .openai, maximumTokens: 7) { $0.url = "https://api.openai.com/v1" }
        #expect(call.bodies[0]["max_completion_tokens"] == 7 && call.bodies[0]["max_tokens"] == nil)
    }

    @Test func stopStringsBeyondTheLimitAreLookedForHere() throws {
        var request = request
        request.stops = ["a", "b", "c", "d", "e"]
        let openAI = try call(request, .openai)
        #expect(openAI.bodies[0]["stop"] == ["a", "b", "c", "d"])
        #expect(openAI.ownStops == ["e"])
        #expect(openAI.report.withoutEffect.isEmpty)
        #expect(try call(request, .vllm).ownStops.isEmpty)
    }

    @Test func anAnswerThatNamesItsStopStringNeedsThemHere() throws {
        var request = request
        request.stops = ["a", "b"]
        for kind in [UpstreamKind.llamaServer, .shimmy, .openai, .ollama] {
            let call = try call(request, kind, namesStop: true)
            #expect(call.bodies[0]["stop"] == nil && call.ownStops == ["a", "b"])
        }
        // vLLM names the string itself.
        let vllm = try call(request, .vllm, namesStop: true)
        #expect(vllm.bodies[0]["stop"] == ["a", "b"] && vllm.ownStops.isEmpty)
    }

    @Test func choicesMayNeedSeveralRequests() throws {
        var request = request
        request.choices = 3
        request.sampling.seed = .max
        let vllm = try call(request, .vllm)
        #expect(vllm.bodies.count == 1 && vllm.choicesPerBody == 3 && vllm.bodies[0]["n"] == 3)
        let ollama = try call(request, .ollama)
        #expect(ollama.bodies.count == 3 && ollama.choicesPerBody == 1 && ollama.bodies[0]["n"] == nil)
        #expect(Set(ollama.bodies.map { $0["seed"]?.text }).count == 3)
    }

    /// vLLM refuses several choices where all are alike.
    @Test func choicesAtTemperatureZeroNeedSeveralRequests() throws {
        var request = request
        request.choices = 2
        for temperature: Float in [0, 1e-6] {
            request.sampling.temperature = temperature
            let vllm = try call(request, .vllm)
            #expect(vllm.bodies.count == 2 && vllm.choicesPerBody == 1 && vllm.bodies.allSatisfy { $0["n"] == nil })
            #expect(vllm.report.withoutEffect.isEmpty)
        }
        #expect(try call(request, .sglang).bodies.map { $0["n"] } == [2])
        request.sampling.temperature = 0.5
        #expect(try call(request, .vllm).bodies.map { $0["n"] } == [2])
    }

    /// llama-server draws a seed in place of one whose low 32 bits are all set.
    @Test(arguments: [-1, .max, 4_294_967_295, -2, 0, 7] as [Int64])
    func noSeedIsDrawnAtTheUpstream(seed: Int64) throws {
        var request = request
        request.choices = 3
        request.sampling.seed = seed
        let seeds = try call(request, .llamaServer).bodies.map { body in UInt32(truncatingIfNeeded: body["seed"]?.intValue ?? -1) }
        #expect(Set(seeds).count == 3 && !seeds.contains(.max))
        #expect(try call(request, .llamaServer).bodies.map { $0["seed"] } == call(request, .llamaServer).bodies.map { $0["seed"] })
        #expect(try call(request, .vllm).bodies[0]["seed"]?.intValue == Int(seed))
    }

    // MARK: Forms

    @Test func aSchemaIsPassedOn() throws {
        var request = request
        request.conversation.responseSchema = Self.schema
        for kind in [UpstreamKind.vllm, .sglang, .llamaServer, .ollama, .shimmy] {
            let call = try call(request, kind)
            #expect(call.bodies[0]["response_format"]?["json_schema"]?["schema"] == Self.schema)
            #expect(!call.checksAnswer && call.report.unenforced.isEmpty)
        }
        let loose = try call(request, .openai)
        #expect(loose.bodies[0]["response_format"]?["json_schema"]?["strict"] == false)
        #expect(loose.checksAnswer && loose.report.unenforced == ["#"])
        request.conversation.isResponseStrict = true
        let strict = try call(request, .openai)
        #expect(strict.bodies[0]["response_format"]?["json_schema"]?["strict"] == true)
        #expect(!strict.checksAnswer && strict.report.unenforced.isEmpty)
    }

    @Test func aGrammarIsPassedOnOrRefused() throws {
        var request = request
        request.grammar = "root ::= \"a\""
        #expect(try call(request, .vllm).bodies[0]["structured_outputs"] == ["grammar": "root ::= \"a\""])
        #expect(try call(request, .sglang).bodies[0]["ebnf"] == "root ::= \"a\"")
        #expect(try call(request, .llamaServer).bodies[0]["grammar"] == "root ::= \"a\"")
        for kind in [UpstreamKind.ollama, .openai] {
            let error = #expect(throws: UpstreamFailure.self) { try call(request, kind) }
            #expect(error?.reason == .unsupported(field: "grammar"))
        }
    }

    @Test func toolsAndTheirChoiceArePassedOn() throws {
        var request = request
        request.conversation.tools = [Tool(name: "f", parameters: Self.schema, isStrict: true), Tool(name: "g")]
        request.conversation.toolChoice = ToolChoice(.required, names: ["f"], isOneCall: true)
        request.conversation.allowsParallelCalls = false
        let vllm = try call(request, .vllm)
        #expect(vllm.bodies[0]["tools"]?.arrayValue?.count == 1)
        #expect(vllm.bodies[0]["tools"]?[0]?["function"]?["strict"] == true)
        #expect(vllm.bodies[0]["tool_choice"] == ["type": "function", "function": ["name": "f"]])
        #expect(vllm.bodies[0]["parallel_tool_calls"] == false)
        #expect(vllm.report.unenforced.isEmpty)
        #expect(try call(request, .sglang).report.unenforced == ["f#"])
        let ollama = try call(request, .ollama)
        #expect(ollama.bodies[0]["tool_choice"] == nil)
        #expect(ollama.report.withoutEffect == ["tool_choice", "parallel_tool_calls"])
    }

    /// vLLM enforces the schema of a required call only for strict tools.
    @Test func requiredCallsAreStrictAtVLLM() throws {
        var request = request
        request.conversation.tools = [Tool(name: "f", parameters: Self.schema)]
        for (choice, isStrict) in [(ToolChoice(.required, isOneCall: true), true), (ToolChoice(.required), true), (ToolChoice(.auto), false)] {
            request.conversation.toolChoice = choice
            let strict = try call(request, .vllm).bodies[0]["tools"]?[0]?["function"]?["strict"]
            #expect(strict == (isStrict ? true : nil))
            #expect(try call(request, .sglang).bodies[0]["tools"]?[0]?["function"]?["strict"] == nil)
        }
    }

    // MARK: Conversations

    @Test func reasoningIsAskedForInTheWordsOfEachKind() throws {
        var request = request
        request.conversation.templateArguments = ["reasoning_effort": "low", "x": 1]
        request.conversation.reasoningFields = ["reasoning_effort"]
        let vllm = try call(request, .vllm)
        #expect(vllm.bodies[0]["reasoning_effort"] == "low")
        #expect(vllm.bodies[0]["chat_template_kwargs"] == ["reasoning_effort": "low", "x": 1])
        let ollama = try call(request, .ollama)
        #expect(ollama.bodies[0]["reasoning_effort"] == "low")
        #expect(ollama.report.withoutEffect == ["chat_template_kwargs"])
        request.conversation.thinks = false
        #expect(try call(request, .ollama).bodies[0]["reasoning_effort"] == "none")
        #expect(try call(request, .llamaServer).bodies[0]["chat_template_kwargs"]?["enable_thinking"] == false)
    }

    @Test(arguments: ["reasoning_budget_tokens", "thinking_budget", "thinking_budget_tokens", "thinking.budget_tokens"])
    func aNamedBudgetIsPassedOn(field: String) throws {
        var request = request
        request.thinkingBudget = 5
        #expect(try call(request, .shimmy).bodies[0]["reasoning_budget_tokens"] == nil)
        request.conversation.reasoningFields = [field]
        #expect(try call(request, .shimmy).bodies[0]["reasoning_budget_tokens"] == 5)
        #expect(try call(request, .vllm).report.withoutEffect.contains("reasoning_budget_tokens"))
    }

    @Test func earlierReasoningHasTheNameOfTheKind() throws {
        var request = request
        request.conversation.messages.append(ChatMessage(role: .assistant, content: ["a"], reasoning: "hm"))
        request.conversation.messages.append(ChatMessage(.user, "b"))
        let names: [UpstreamKind: String?] = [.vllm: "reasoning", .sglang: "reasoning_content", .shimmy: "reasoning_content", .openai: nil]
        for (kind, name) in names {
            let message = try call(request, kind).bodies[0]["messages"]?[2]?.objectValue
            #expect(message?.keys.filter { $0.hasPrefix("reasoning") } == [name].compactMap { $0 })
        }
    }

    @Test func theStartOfAnAnswerIsContinued() throws {
        var request = request
        request.conversation.messages.append(ChatMessage(.assistant, "It"))
        request.conversation.continuation = .content
        request.conversation.mustContinue = true
        let vllm = try call(request, .vllm)
        #expect(vllm.bodies[0]["continue_final_message"] == true && vllm.bodies[0]["add_generation_prompt"] == false)
        let error = #expect(throws: UpstreamFailure.self) { try call(request, .openai) }
        #expect(error?.reason == .unsupported(field: "continue_final_message"))
    }

    @Test func callsWithoutIDsGetThem() throws {
        var request = request
        let calls: JSON = [["type": "function", "function": ["name": "f", "arguments": "{}"]]]
        request.conversation.messages.append(ChatMessage(role: .assistant, content: nil, toolCalls: calls))
        request.conversation.messages.append(ChatMessage(.tool, "1"))
        let call = try call(request, .vllm)
        let id = call.bodies[0]["messages"]?[2]?["tool_calls"]?[0]?["id"]
        #expect(id?.stringValue?.isEmpty == false)
        #expect(call.bodies[0]["messages"]?[3]?["tool_call_id"] == id)
        #expect(call.report.normalizations == ["matched-results"])
    }

    @Test func fieldsOfTheSettingsComeLast() throws {
        let call = try call(request, .vllm, maximumTokens: 7) { settings in
            settings.droppedFields = ["max_tokens", "stream_options"]
            settings.addedFields = ["model": "other", "cache_salt": "s"]
        }
        #expect(call.bodies[0]["max_tokens"] == nil && call.bodies[0]["stream_options"] == nil)
        #expect(call.bodies[0]["model"] == "other" && call.bodies[0]["cache_salt"] == "s")
    }

    // MARK: Texts

    private func text(_ request: TextRequest, _ kind: UpstreamKind, maximumTokens: Int = 9) throws -> UpstreamCall {
        let settings = UpstreamSettings(name: "box", url: "http://box")
        return try TextCall.make(request, model: "m", maximumTokens: maximumTokens, kind: kind, settings: settings, user: nil)
    }

    @Test func promptsAreSentTogetherOrAlone() throws {
        let request = TextRequest(
            prompts: [.text("a"), .tokens([1, 2])], suffix: nil, maximumTokens: 20, sampling: SamplingParameters(), stops: [], choices: 2)
        let vllm = try text(request, .vllm)
        #expect(vllm.bodies.count == 1 && vllm.choicesPerBody == 4)
        #expect(vllm.bodies[0]["prompt"] == ["a", [1, 2]] && vllm.bodies[0]["n"] == 2 && vllm.bodies[0]["max_tokens"] == 9)
        let server = try text(request, .llamaServer)
        #expect(server.bodies.map { $0["prompt"] } == ["a", "a", [1, 2], [1, 2]])
        let error = #expect(throws: UpstreamFailure.self) { try text(request, .ollama) }
        #expect(error?.reason == .unsupported(field: "prompt"))
    }

    @Test func choicesOfTextsAtTemperatureZeroNeedSeveralRequests() throws {
        let sampling = SamplingParameters(temperature: 0)
        let request = TextRequest(prompts: [.text("a"), .text("b")], suffix: nil, maximumTokens: 20, sampling: sampling, stops: [], choices: 2)
        let call = try text(request, .vllm)
        #expect(call.bodies.map { $0["prompt"] } == ["a", "a", "b", "b"] && call.choicesPerBody == 1)
        #expect(call.bodies.allSatisfy { $0["n"] == nil })
    }

    @Test func textsOfNoTokensAreEmptyAtLlamaServer() throws {
        var request = TextRequest(
            prompts: [.text("a")], suffix: nil, maximumTokens: 0, sampling: SamplingParameters(), stops: [], choices: 1)
        #expect(try text(request, .llamaServer).isEmpty && !text(request, .vllm).isEmpty)
        request.maximumTokens = 1
        #expect(try !text(request, .llamaServer).isEmpty && text(request, .llamaServer, maximumTokens: 0).isEmpty)
    }

    @Test func formsOfTextsArePassedOn() throws {
        var request = TextRequest(
            prompts: [.text("a")], suffix: nil, maximumTokens: 20, sampling: SamplingParameters(), stops: [], choices: 1)
        request.form = .schema(Self.schema)
        #expect(try text(request, .vllm).bodies[0]["structured_outputs"] == ["json": Self.schema])
        #expect(try text(request, .llamaServer).bodies[0]["json_schema"] == Self.schema)
        #expect(throws: UpstreamFailure.self) { try text(request, .ollama) }
    }
}
