import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The translation of Ollama's requests: the meaning of each field, and errors that name the client's own fields.
@Suite struct OllamaRequestTests {
    private struct OtherWork: Error {}

    private func request(_ fields: String, preset: RequestPreset = .none) throws -> OllamaRequest {
        let json = try JSON.parse(#"{"model": "m", "messages": [{"role": "user", "content": "a"}], \#(fields)}"#)
        return try OllamaRequest(chat: json, preset: preset)
    }

    private func generate(_ fields: String, preset: RequestPreset = .none) throws -> OllamaRequest {
        try OllamaRequest(generate: try JSON.parse(#"{"model": "m", "prompt": "a", \#(fields)}"#), preset: preset)
    }

    private func chat(_ request: OllamaRequest) throws -> ChatRequest {
        guard case .chat(let chat, _) = request.work else { throw OtherWork() }
        return chat
    }

    private func text(_ request: OllamaRequest) throws -> TextRequest {
        guard case .text(let text) = request.work else { throw OtherWork() }
        return text
    }

    private func chat(_ fields: String) throws -> ChatRequest { try chat(try request(fields)) }

    private func refusal(_ fields: String) throws -> APIError { try #require(throws: APIError.self) { try request(fields) } }

    // MARK: Options

    @Test func optionsMeanTheSameAsTheFieldsOfChatCompletions() throws {
        let fields = #"""
            "temperature": 0.5, "top_k": 7, "top_p": 0.75, "min_p": 0.25, "typical_p": 0.5, "repeat_penalty": 1.5, "repeat_last_n": 9,
            "presence_penalty": 1, "frequency_penalty": -1, "seed": 3, "mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.5
            """#
        let own = try ChatCompletionRequest(try JSON.parse(#"{"model": "m", "messages": [{"role": "user", "content": "a"}], \#(fields)}"#))
        let theirs = try request(#""options": {\#(fields)}"#)
        #expect(try chat(theirs).sampling == own.chat.sampling)
        #expect(own.chat.sampling.mirostat != nil)
        #expect(theirs.ignoredParameters.isEmpty && theirs.stream)
    }

    @Test(arguments: [("5", 5), ("-1", Int(Int32.max)), ("-2", Int(Int32.max)), ("0", Int(Int32.max)), ("null", nil)] as [(String, Int?)])
    func limitsAreReducedToTheRoom(limit: String, tokens: Int?) throws {
        let chat = try chat(#""options": {"num_predict": \#(limit)}"#)
        #expect(chat.maximumTokens == tokens && chat.clampsMaximumTokens)
        let text = try text(try generate(#""raw": true, "options": {"num_predict": \#(limit)}"#))
        #expect(text.maximumTokens == tokens ?? Int(Int32.max) && text.clampsMaximumTokens)
    }

    @Test func specialNumbersOfOptions() throws {
        #expect(try chat(#""options": {"seed": -1}"#).sampling.seed == nil)
        #expect(try chat(#""options": {"repeat_last_n": -1}"#).sampling.repeatWindow == 65536)
        #expect(try request(#""options": {"num_ctx": 4096}"#).contextLength == 4096)
        #expect(try chat(#""options": {"seed": 1.5}"#).sampling.seed == 1)
        #expect(try chat(#""options": {"seed": -1.5}"#).sampling.seed == nil)
        for length in ["0", "-1"] {
            let request = try request(#""options": {"num_ctx": \#(length)}"#)
            #expect(request.contextLength == nil && request.ignoredParameters.names == ["options.num_ctx"])
        }
    }

    @Test func optionsHaveOllamasRanges() throws {
        let options = #""temperature": 3, "top_p": 1.5, "min_p": -1, "top_k": -1, "mirostat": 7, "presence_penalty": 5"#
        let sampling = try chat(#""options": {\#(options)}"#).sampling
        #expect(sampling.temperature == 3 && sampling.topP == 1 && sampling.minP == 0 && sampling.topK == 0 && sampling.presencePenalty == 5)
        #expect(sampling.mirostat?.version == .second)
        #expect(try chat(#""options": {"temperature": -1, "top_k": 12.9}"#).sampling.topK == 12)
        #expect(try chat(#""options": {"num_predict": 5.5}"#).maximumTokens == 5)
        #expect(try request(#""options": {"num_ctx": 4096.5}"#).contextLength == 4096)
        #expect(try text(try generate(#""raw": true, "options": {"temperature": 3}"#)).sampling.temperature == 3)
    }

    @Test func storedParametersAreMovedIntoTheOwnRanges() {
        let fields: JSONObject = ["temperature": 3, "top_k": -7.5, "top_p": 0.5, "stop": ["a"], "repeat_last_n": 100_000, "min_p": "x"]
        let moved = SamplingLimits.moving(fields)
        #expect(moved == ["temperature": 2, "top_k": -1, "top_p": 0.5, "stop": ["a"], "repeat_last_n": 65536, "min_p": "x"])
        #expect(RequestPreset.problem(["temperature": moved["temperature"] ?? .null]) == nil)
    }

    @Test func thereMayBeManyStopStrings() throws {
        let stops = (0..<64).map { "stop \($0)" }
        #expect(try chat(#""options": {"stop": \#(JSON.array(stops.map(JSON.string)).text)}"#).stops == stops)
        #expect(try chat(#""options": {"stop": "x"}"#).stops == ["x"])
        #expect(try text(try generate(#""raw": true, "options": {"stop": ["1", "2", "3", "4", "", "5"]}"#)).stops == ["1", "2", "3", "4", "5"])
        let preset = RequestPreset(defaults: ["stop": ["ours"]])
        #expect(try chat(try request(#""options": {"top_k": 1}"#, preset: preset)).stops == ["ours"])
        #expect(try chat(try request(#""options": {"stop": []}"#, preset: preset)).stops == [])
    }

    // MARK: Reasoning and format

    @Test(
        arguments: [("true", true, nil), ("false", false, 0), (#""low""#, true, 1024), (#""max""#, true, nil), ("null", nil, nil)]
            as [(String, Bool?, Int?)])
    func thinkIsABooleanOrALevel(think: String, thinks: Bool?, budget: Int?) throws {
        let chat = try chat(#""think": \#(think)"#)
        #expect(chat.conversation.thinks == thinks && chat.thinkingBudget == budget)
        #expect(chat.needsReasoning == (thinks == true))
        #expect(try self.chat(try generate(#""think": \#(think)"#)).conversation.thinks == thinks)
    }

    @Test func aModelThatDoesNotReasonIsNamedAsInOllama() throws {
        let error = try request(#""think": true"#).error(.noReasoning)
        #expect(error.status == 400 && API.ollama.errors.body(of: error, requestID: "") == ["error": "\"m\" does not support thinking"])
    }

    @Test func theFormatIsASchema() throws {
        #expect(try chat(#""format": "json""#).conversation.responseSchema == ["type": "object"])
        #expect(try chat(#""format": {"type": "array"}"#).conversation.responseSchema == ["type": "array"])
        #expect(try chat(#""format": """#).conversation.responseSchema == nil)
        #expect(try chat(#""format": {}"#).schemaField == "format")
    }

    @Test func logprobsCountTheOtherTokens() throws {
        #expect(try chat(#""logprobs": true"#).sampling.logprobs == 0)
        #expect(try chat(#""logprobs": true, "top_logprobs": 3"#).sampling.logprobs == 3)
        #expect(try text(try generate(#""raw": true, "logprobs": true, "top_logprobs": 20"#)).sampling.logprobs == 20)
        #expect(try request(#""top_logprobs": 3"#).ignoredParameters.names == ["top_logprobs"])
    }

    // MARK: Messages and tools

    @Test func messagesAreTranslated() throws {
        let messages = try chat(
            #"""
            "messages": [{"role": "System", "content": "s"}, {"role": "user"}, {"role": "assistant", "content": "b", "thinking": "t"},
                         {"role": "user", "content": "c", "images": []}]
            """#
        ).conversation.messages
        #expect(messages.map(\.role) == [.system, .user, .assistant, .user])
        #expect(messages.map(\.content) == [["s"], [""], ["b"], ["c"]])
        #expect(messages[2].reasoning == "t")
    }

    private static let calls = #"""
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "", "function": {"name": "g", "arguments": {}}},
         {"function": {"index": 2, "name": "f", "arguments": {"a": 2}}}]}
        """#

    @Test(arguments: [
        (["g", "f", "f"], ["call_2", "call_1", "call_3"]), (["f", "f", "g"], ["call_1", "call_3", "call_2"]),
        (["", "", ""], ["call_1", "call_2", "call_3"]), (["unheard", "f", "g"], ["call_1", "call_3", "call_2"]),
    ])
    func resultsFindTheirCallsByNameAndOrder(names: [String], ids: [String]) throws {
        let results = names.map { #"{"role": "tool", "content": "r"\#($0.isEmpty ? "" : #", "tool_name": "\#($0)""#)}"# }
        let messages = try chat(#""messages": [\#(([Self.calls] + results).joined(separator: ", "))]"#).conversation.messages
        #expect(messages.dropFirst().map(\.toolCallID) == ids)
        let made = try #require(messages[0].toolCalls?.arrayValue)
        #expect(made.map { $0["id"]?.stringValue } == ["call_1", "call_2", "call_3"])
        #expect(made.map { $0["function"]?["arguments"]?.stringValue } == [#"{"a":1}"#, "{}", #"{"a":2}"#])
    }

    @Test func resultsWithIDsTakeTheirCalls() throws {
        let results = #"{"role": "tool", "content": "r", "tool_call_id": "call_1"}, {"role": "tool", "content": "r", "tool_name": "f"}"#
        let messages = try chat(#""messages": [\#(Self.calls), \#(results), {"role": "tool", "content": "r"}]"#).conversation.messages
        #expect(messages.dropFirst().map(\.toolCallID) == ["call_1", "call_3", "call_2"])
    }

    @Test func toolsAreFunctions() throws {
        let request = try request(
            #"""
            "tools": [{"function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}},
                      {"type": "web_search"}, {"type": "function", "function": {"name": "g"}}]
            """#)
        #expect(try chat(request).conversation.tools.map(\.name) == ["f", "g"])
        #expect(try chat(request).conversation.toolChoice.mode == .auto)
        #expect(request.ignoredParameters.names == ["tools[1]"])
    }

    // MARK: Other routes and forms

    @Test func withoutAPromptARequestOnlyLoads() throws {
        for request in [
            try OllamaRequest(chat: ["model": "m"]), try OllamaRequest(chat: ["model": "m", "messages": []]),
            try OllamaRequest(generate: ["model": "m", "keep_alive": 0]), try OllamaRequest(generate: ["model": "m", "prompt": "", "suffix": "x"]),
        ] {
            guard case .load = request.work else { throw OtherWork() }
        }
        #expect(try OllamaRequest(generate: ["model": "m", "keep_alive": "-1m"]).keepAlive == .forever)
        #expect(try request(#""keep_alive": 10"#).keepAlive == .seconds(10))
    }

    @Test func aPromptIsAQuestion() throws {
        let request = try generate(#""system": "s", "context": [1, 2]"#)
        let chat = try chat(request)
        #expect(chat.conversation.messages == [ChatMessage(.system, "s"), ChatMessage(.user, "a")])
        #expect(chat.preceding == [1, 2] && chat.wantsTokens)
        #expect(try !self.chat(#""stream": false"#).wantsTokens)
    }

    @Test func rawPromptsAndGapsUseNoTemplate() throws {
        let raw = try generate(#""raw": true, "suffix": "b", "think": true"#)
        #expect(try text(raw).prompts == [.text("a")])
        #expect(try text(raw).suffix == nil)
        #expect(raw.ignoredParameters.names == ["suffix", "think"])
        let gap = try generate(#""suffix": "b", "system": "s", "stream": false"#)
        #expect(try text(gap).suffix == "b")
        #expect(gap.ignoredParameters.names == ["system"] && !gap.stream)
    }

    @Test func aTemplateOfTheRequestMakesThePrompt() throws {
        let fields = #""template": "<{{ .System }}|{{ .Prompt }}|{{ .Suffix }}>", "suffix": "b", "think": true"#
        let own = try generate(#"\#(fields), "system": "s""#)
        #expect(try text(own).prompts == [.text("<s|a|b>")])
        #expect(try text(own).suffix == nil)
        #expect(own.ignoredParameters.names == ["think"])
        let preset = try generate(fields, preset: RequestPreset(system: "be kind"))
        #expect(try text(preset).prompts == [.text("<be kind|a|b>")])
        #expect(try !chat(try generate(#""template": "", "system": "s""#)).conversation.messages.isEmpty)
    }

    @Test func presetsApply() throws {
        let preset = RequestPreset(
            system: "be kind", examples: [ChatMessage(.user, "example")], defaults: ["temperature": 0.25, "max_completion_tokens": 9, "n": 3],
            forced: ["top_k": 4, "seed": 1])
        let request = try request(#""options": {"top_k": 5, "num_predict": -1}"#, preset: preset)
        let chat = try chat(request)
        #expect(chat.sampling.temperature == 0.25 && chat.sampling.topK == 4 && chat.sampling.seed == 1 && chat.choices == 1)
        #expect(chat.maximumTokens == Int(Int32.max), "the client asks for no limit")
        #expect(chat.conversation.messages == [ChatMessage(.system, "be kind"), ChatMessage(.user, "example"), ChatMessage(.user, "a")])
        #expect(request.forced == ["options.top_k"])
        let text = try text(try generate(#""raw": true"#, preset: preset))
        #expect(text.maximumTokens == 9 && text.sampling.topK == 4 && text.choices == 1)
        #expect(try self.chat(try generate(#""context": [1]"#, preset: preset)).conversation.messages == [ChatMessage(.user, "a")])
    }

    @Test func recommendedParametersReplaceOllamas() {
        #expect(OllamaRequest.sampling(recommended: [:]) == ["temperature": 0.8, "top_k": 40, "top_p": 0.9])
        #expect(OllamaRequest.sampling(recommended: ["top_p": 1, "min_p": 0.1]) == ["temperature": 0.8, "top_k": 40, "top_p": 1, "min_p": 0.1])
    }

    // MARK: Errors

    @Test(arguments: [
        (#""options": {"temperature": "hot"}"#, "options.temperature"), (#""options": {"top_k": "x"}"#, "options.top_k"),
        (#""options": {"mirostat": "x"}"#, "options.mirostat"), (#""options": {"num_predict": true}"#, "options.num_predict"),
        (#""options": {"stop": [1]}"#, "options.stop[0]"), (#""options": {"num_ctx": "8k"}"#, "options.num_ctx"), (#""options": []"#, "options"),
        (#""think": "none""#, "think"), (#""think": 1"#, "think"), (#""format": "xml""#, "format"), (#""format": []"#, "format"),
        (#""keep_alive": "soon""#, "keep_alive"), (#""top_logprobs": 21"#, "top_logprobs"), (#""stream": "yes""#, "stream"),
        (#""messages": [{"content": "a"}]"#, "messages[0].role"), (#""messages": [{"role": "user", "content": ["a"]}]"#, "messages[0].content"),
        (#""messages": [{"role": "king", "content": "a"}]"#, "messages[0].role"), (#""messages": {}"#, "messages"),
        (#""messages": [{"role": "user", "content": "a", "images": ["aGk="]}]"#, "messages[].images"),
        (#""messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]"#, "messages[0].tool_calls[0].function.name"),
        (#""tools": [{"function": {"name": ""}}]"#, "tools[0].function.name"), (#""tools": [{}]"#, "tools[0].function"),
        (#""tools": [{"function": {"name": "f", "parameters": {"type": "array"}}}]"#, "tools[0].function.parameters"),
    ])
    func errorsNameTheClientsFields(fields: String, param: String) throws {
        let error = try refusal(fields)
        #expect(error.status == 400 && error.param == param)
        #expect(error.message.contains("'\(param)'") || error.message.hasPrefix("Invalid value"))
    }

    @Test(arguments: [
        (#""raw": true, "system": "s""#, "raw"), (#""raw": true, "context": [1]"#, "raw"), (#""raw": true, "format": "json""#, "format"),
        (#""raw": true, "template": "a""#, "raw"), (#""template": "a", "format": "json""#, "format"),
        (#""suffix": "b", "format": {}"#, "format"), (#""template": "{{ .Messages }}""#, "template"), (#""context": ["a"]"#, "context[0]"),
        (#""context": [-3000000000]"#, "context[0]"), (#""images": ["aGk="]"#, "images"), (#""prompt": 1"#, "prompt"),
        (#""_debug_render_only": true"#, "_debug_render_only"), (#""raw": true, "options": {"top_p": "x"}"#, "options.top_p"),
    ])
    func whatCannotBeGeneratedIsRefused(fields: String, param: String) throws {
        let error = try #require(throws: APIError.self) { try generate(fields) }
        #expect(error.status == 400 && error.param == param)
    }

    @Test func modelsErrorsNameTheClientsFieldsToo() throws {
        let chat = try request(#""format": {"type": "object"}"#)
        #expect(chat.error(.badSchema(tool: nil, "no")).param == "format")
        #expect(chat.error(.contextExceeded(prompt: 9, requested: nil, context: 4)).param == "messages")
        let generate = try generate(#""context": [9999]"#)
        #expect(generate.error(.contextExceeded(prompt: 9, requested: nil, context: 4)).param == "prompt")
        #expect(generate.error(.unknownPromptToken(prompt: 0, 9999)).param == "context")
        #expect(generate.error(.unknownPromptToken(prompt: 0, -1)).message == "Invalid 'context': the model has no token -1.")
    }

    @Test func fieldsWithoutEffectAreReported() throws {
        let request = try request(
            #""options": {"num_keep": 4, "num_gpu": 1, "unheard_of": 1}, "shift": true, "tool_choice": "auto", "truncate": false"#)
        #expect(request.ignoredParameters.names == ["options.num_keep", "options.num_gpu", "options.unheard_of", "shift", "tool_choice"])
        #expect(!request.truncates)
        #expect(try self.request(#""shift": false"#).ignoredParameters.isEmpty)
    }

    // MARK: Embeddings

    @Test func textsAreEmbedded() throws {
        let request = try OllamaEmbedRequest(embed: ["model": "m", "input": ["a", ""], "dimensions": 8, "options": ["num_ctx": 9], "keep_alive": 0])
        #expect(request.embedding == EmbeddingRequest(inputs: [.text("a"), .text("")], dimensions: 8, truncates: true))
        #expect(request.ignoredParameters.names == ["options.num_ctx"] && request.keepAlive == .seconds(0))
        #expect(try OllamaEmbedRequest(embed: ["model": "m", "input": "a", "truncate": false]).embedding == EmbeddingRequest(inputs: [.text("a")]))
        for json in [["model": "m"], ["model": "m", "input": ""], ["model": "m", "input": []]] as [JSON] {
            #expect(try OllamaEmbedRequest(embed: json).embedding.inputs.isEmpty)
        }
        #expect(try OllamaEmbedRequest(embeddings: ["model": "m", "prompt": "a"]).embedding == EmbeddingRequest(inputs: [.text("a")]))
        #expect(throws: APIError.self) { try OllamaEmbedRequest(embed: ["model": "m", "input": [1]]) }
        #expect(throws: APIError.self) { try OllamaEmbedRequest(embed: ["model": "m", "input": 1]) }
    }

    // MARK: The matrix

    @Test func theDecodersReadTheRowsThatAreSupported() throws {
        func promised(_ path: String) throws -> Set<String> {
            let endpoint = try #require(API.ollama.endpoints.first { $0.path == path })
            let rows = endpoint.request.filter {
                switch $0.support {
                case .supported, .partial: true
                case .refused, .ignored, .notSupported: false
                }
            }
            return Set(rows.map(\.field))
        }
        func read(_ path: String, _ decode: (FieldRecorder) throws -> Void) throws {
            let recorder = FieldRecorder()
            try decode(recorder)
            #expect(try recorder.fields == promised(path))
        }
        let chat: JSON = [
            "model": "m", "options": ["stop": "x"], "tools": [["function": ["name": "f"]]],
            "messages": [
                ["role": "user", "content": "a"], ["role": "assistant", "tool_calls": [["id": "c", "function": ["name": "f"]]]],
                ["role": "tool", "content": "b"],
            ],
        ]
        try read("/api/chat") { _ = try OllamaRequest(chat: chat, recorder: $0) }
        try read("/api/generate") { _ = try OllamaRequest(generate: ["model": "m", "prompt": "a", "options": [:]], recorder: $0) }
        try read("/api/embed") { _ = try OllamaEmbedRequest(embed: ["model": "m"], recorder: $0) }
        try read("/api/embeddings") { _ = try OllamaEmbedRequest(embeddings: ["model": "m"], recorder: $0) }
    }
}
