import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The translation of the requests of llama-server's API: the meaning of each field, and errors that name the client's own fields.
@Suite struct LlamaServerRequestTests {
    private func request(_ fields: String = "", preset: RequestPreset = .none) throws -> LlamaServerRequest {
        let more = fields.isEmpty ? "" : ", " + fields
        return try LlamaServerRequest(completion: try JSON.parse(#"{"model": "m", "prompt": "a"\#(more)}"#), preset: preset)
    }

    private func refusal(_ fields: String) throws -> APIError { try #require(throws: APIError.self) { try request(fields) } }

    // MARK: Prompts

    @Test(arguments: [
        (#""a""#, ["text"]), ("[1, 2]", ["tokens"]), (#"[1, "a", 2]"#, ["mixed"]), (#"["a", "b"]"#, ["text", "text"]),
        (#"["a", [1, 2], [1, "a"], {"prompt_string": "b"}]"#, ["text", "tokens", "mixed", "text"]), (#"{"prompt_string": "b"}"#, ["text"]),
        (#"[["a"]]"#, ["text"]), (#"[[""]]"#, ["text"]), (#"[["", ""]]"#, ["mixed"]), (#"[{"prompt_string": "a", "multimodal_data": []}]"#, ["text"]),
    ])
    func everyFormOfPrompt(prompt: String, kinds: [String]) throws {
        let decoded = try LlamaServerRequest(completion: try JSON.parse(#"{"model": "m", "prompt": \#(prompt)}"#))
        let found = decoded.text.prompts.enumerated().map { index, prompt in
            if decoded.mixedPrompts[index] != nil { return "mixed" }
            if case .text = prompt { return "text" }
            return "tokens"
        }
        #expect(found == kinds)
    }

    @Test func mixedPromptsGetTheirTokens() throws {
        var decoded = try LlamaServerRequest(completion: ["model": "m", "prompt": [1, 2, "a", "b", 3]])
        #expect(decoded.mixedPrompts[0]?.pieces == [.tokens([1, 2]), .text("a"), .text("b"), .tokens([3])])
        decoded.put([1, 2, 9, 3], at: 0)
        #expect(decoded.text.prompts == [.tokens([1, 2, 9, 3])])
    }

    @Test(arguments: [
        ("null", "prompt", "missing_required_parameter"), ("5", "prompt", "invalid_type"), ("[]", "prompt", "empty_array"),
        ("[[]]", "prompt[0]", "empty_array"), (#"["a", []]"#, "prompt[1]", "empty_array"), ("[[[]]]", "prompt[0][0]", "invalid_type"),
        ("[[1, []]]", "prompt[0][1]", "invalid_type"), ("[1, []]", "prompt[1]", "invalid_type"),
        ("[{}]", "prompt[0].prompt_string", "missing_required_parameter"),
        (#"["a", true]"#, "prompt[1]", "invalid_type"), ("[1, {}]", "prompt[1]", "invalid_type"), ("[99999999999]", "prompt[0]", "invalid_type"),
        (#"[{"prompt": "a"}]"#, "prompt[0].prompt_string", "missing_required_parameter"),
        (#"{"prompt_string": 1}"#, "prompt.prompt_string", "invalid_type"),
        (#"{"prompt_string": "a", "multimodal_data": ["x"]}"#, "prompt.multimodal_data", "unsupported_parameter"),
    ])
    func badPromptsAreNamed(prompt: String, field: String, code: String) throws {
        let json = try JSON.parse(#"{"model": "m", "prompt": \#(prompt)}"#)
        let error = try #require(throws: APIError.self) { try LlamaServerRequest(completion: json) }
        #expect(error.param == field && error.code == code)
    }

    // MARK: Sampling

    @Test func samplersMeanTheSameAsInCompletions() throws {
        let fields = #"""
            "temperature": 0.5, "top_k": 7, "top_p": 0.75, "min_p": 0.25, "typical_p": 0.5, "repeat_penalty": 1.5, "repeat_last_n": 9,
            "presence_penalty": 1, "frequency_penalty": -1, "seed": 3, "mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.5, "ignore_eos": true,
            "dry_multiplier": 1, "dry_base": 2, "dry_allowed_length": 3, "dry_penalty_last_n": 4, "dry_sequence_breakers": ["x"],
            "xtc_probability": 0.5, "xtc_threshold": 0.25
            """#
        let own = try CompletionRequest(try JSON.parse(#"{"model": "m", "prompt": "a", \#(fields)}"#))
        let theirs = try request(fields)
        #expect(theirs.text.sampling == own.completion.sampling && theirs.ignoredParameters.isEmpty)
    }

    @Test func specialNumbers() throws {
        #expect(try request(#""seed": -1"#).text.sampling.seed == nil)
        #expect(try request(#""seed": 4294967295"#).text.sampling.seed == nil)
        #expect(try request(#""seed": 1.5"#).text.sampling.seed == 1)
        #expect(throws: APIError.self) { try request(#""seed": "1""#) }
        #expect(throws: APIError.self) { try request(#""seed": 1e300"#) }
        #expect(try request(#""repeat_last_n": -1"#).text.sampling.repeatWindow == 65536)
        #expect(try request(#""n_probs": 0"#).text.sampling.logprobs == nil)
        #expect(try request(#""n_probs": 3"#).text.sampling.logprobs == 3)
    }

    @Test func numbersOutsideOfARangeAreMoved() throws {
        let high = try request(
            #"""
            "temperature": 1e999, "top_p": 1.5, "min_p": 2, "typical_p": 7, "frequency_penalty": 3, "presence_penalty": 1e30, "repeat_penalty": 0,
            "xtc_probability": 2
            """#
        ).text.sampling
        #expect(high.temperature == 1_000_000 && high.topP == 1 && high.minP == 1 && high.typicalP == 1 && high.xtcProbability == 1)
        #expect(high.frequencyPenalty == 3 && high.presencePenalty == 1000 && high.repeatPenalty == 0.01)
        let low = try request(#""temperature": -1, "top_p": -1, "min_p": -0.5, "presence_penalty": -1e30, "xtc_threshold": -1"#).text.sampling
        #expect(low.temperature == 0 && low.topP == 0 && low.minP == 0 && low.presencePenalty == -1000 && low.xtcThreshold == 0)
        #expect(try request(#""temperature": 5"#).text.sampling.temperature == 5)
    }

    @Test func integersOutsideOfARangeAreMovedOrRefused() throws {
        #expect(try request(#""top_k": -7"#).text.sampling.topK == 0)
        #expect(try request(#""top_k": 40.7"#).text.sampling.topK == 40)
        #expect(try request(#""top_k": 1e30"#).text.sampling.topK == Int(Int32.max))
        #expect(try request(#""mirostat": 9"#).text.sampling.mirostat?.version == .second)
        #expect(try request(#""n_predict": 7.9"#).text.maximumTokens == 7)
        let dry = try request(#""dry_multiplier": 1, "dry_allowed_length": 0, "dry_base": 0.5"#).text.sampling.dry
        #expect(dry?.allowedLength == 0 && dry?.base == 1.75)
        #expect(try request(#""dry_multiplier": -1"#).text.sampling.dry == nil)
        #expect(try refusal(#""dry_penalty_last_n": -2"#).param == "dry_penalty_last_n")
        // The ranges of OpenAI's API stay as they are.
        #expect(throws: APIError.self) { try CompletionRequest(["model": "m", "prompt": "a", "temperature": 5]) }
    }

    @Test(
        arguments: [
            (#"["top_k", "temperature"]"#, [0.25, 1, 7, 0], false), (#"["top_p"]"#, [1, 0.5, 0, 0], false), ("[]", [1, 1, 0, 0], false),
            (#""kt""#, [0.25, 1, 7, 0], false), (#"["top_k", "top_p", "infill"]"#, [1, 0.5, 7, 0.2], false),
            (#"["top_n_sigma", "temperature", "min_p"]"#, [0.25, 1, 0, 0.125], true),
        ] as [(String, [Float], Bool)])
    func samplersThatAreNotChosenAreOff(samplers: String, values: [Float], isReported: Bool) throws {
        let decoded = try request(#""temperature": 0.25, "top_p": 0.5, "top_k": 7, "min_p": 0.125, "samplers": \#(samplers)"#)
        let sampling = decoded.text.sampling
        #expect([sampling.temperature, sampling.topP, Float(sampling.topK), sampling.minP] == values)
        #expect(decoded.ignoredParameters.names == (isReported ? ["samplers"] : []))
    }

    @Test func biasHasEveryForm() throws {
        #expect(try request(#""logit_bias": [[5, 1.5], [6, false], ["7", -1000]]"#).text.sampling.bias == [5: 1.5, 6: -100, 7: -100])
        #expect(try request(#""logit_bias": {"5": 2}"#).text.sampling.bias == [5: 2])
        var decoded = try request(#""logit_bias": [["word", -0.5], [5, 1]]"#)
        #expect(decoded.biasedTexts.map(\.text) == ["word"] && decoded.biasedTexts.map(\.bias) == [-0.5])
        decoded.add(-0.5, to: [8, 9])
        #expect(decoded.text.sampling.bias == [5: 1, 8: -0.5, 9: -0.5])
        let many = JSON.array((0..<65).map { .array([.string("word \($0)"), 1]) }).text
        for (bias, field) in [
            ("5", "logit_bias"), ("[5]", "logit_bias[0]"), ("[[5]]", "logit_bias[0]"), ("[[5, true]]", "logit_bias[0]"),
            (#"{"5": "x"}"#, "logit_bias.5"), ("[[-5, 1]]", "logit_bias"), (many, "logit_bias[64]"),
        ] { #expect(try refusal(#""logit_bias": \#(bias)"#).param == field) }
    }

    @Test func presetsReplaceLlamaServersDefaults() throws {
        let preset = RequestPreset(
            defaults: ["temperature": 0.5, "max_tokens": 5, "stop": ["ours"]], forced: ["top_k": 3])
        let decoded = try request(#""top_k": 9"#, preset: preset)
        #expect(decoded.text.sampling.temperature == 0.5 && decoded.text.sampling.topK == 3 && decoded.forced == ["top_k"])
        #expect(decoded.text.maximumTokens == 5 && decoded.text.stops == ["ours"])
        #expect(try request(#""n_predict": 9, "stop": ["theirs"]"#, preset: preset).text.maximumTokens == 9)
        #expect(LlamaServerRequest.sampling(recommended: ["top_k": 5]) == ["temperature": 0.8, "top_k": 5, "top_p": 0.95, "min_p": 0.05])
    }

    // MARK: Limits and forms

    @Test(arguments: [
        (#""n_predict": 5"#, 5), (#""n_predict": 0"#, 0), (#""n_predict": -1"#, Int(Int32.max)), (#""max_tokens": 6"#, 6), ("", Int(Int32.max)),
    ])
    func limitsAreReducedToTheRoom(fields: String, tokens: Int) throws {
        let text = try request(fields).text
        #expect(text.maximumTokens == tokens && text.clampsMaximumTokens && text.wantsTokens)
    }

    @Test func linesAreLimited() throws {
        #expect(try request().text.lines == nil)
        #expect(try request(#""n_indent": 4, "t_max_predict_ms": 250"#).text.lines == LineLimits(indentation: 4, duration: .milliseconds(250)))
        #expect(try request(#""t_max_predict_ms": 0"#).text.lines == nil)
    }

    @Test func theFormIsAGrammarOrASchema() throws {
        #expect(try request(#""grammar": "root ::= \"a\"""#).text.form == .grammar("root ::= \"a\""))
        #expect(try request(#""json_schema": {}, "grammar": """#).text.form == .schema(["type": "object"]))
        let both = try request(#""grammar": "root ::= \"a\"", "json_schema": {}"#)
        #expect(both.text.form == .grammar("root ::= \"a\"") && both.ignoredParameters.names == ["json_schema"])
        #expect(try refusal(#""json_schema": 5"#).param == "json_schema")
        let renamed = try request(#""json_schema": {}"#).error(.badSchema(tool: nil, "why"))
        #expect(renamed.param == "json_schema" && renamed.message == "Invalid schema for 'json_schema': why")
    }

    @Test(arguments: [
        (#""n_predict": "many""#, "n_predict"), (#""n_cmpl": 0"#, "n_cmpl"), (#""n": 0"#, "n"), (#""temperature": "hot""#, "temperature"),
        (#""dry_allowed_length": -1"#, "dry_allowed_length"), (#""top_k": "many""#, "top_k"),
        (#""n_probs": 21"#, "n_probs"), (#""n_indent": -1"#, "n_indent"), (#""response_fields": [5]"#, "response_fields[0]"),
        (#""samplers": 5"#, "samplers"), (#""samplers": [5]"#, "samplers[0]"), (#""stop": [5]"#, "stop[0]"), (#""stream": "yes""#, "stream"),
        (#""lora": [{}]"#, "lora[0].name"),
    ])
    func mistakesAreNamed(fields: String, name: String) throws { #expect(try refusal(fields).param == name) }

    @Test func whatHasNoEffectIsReported() throws {
        let neutral = #""cache_prompt": true, "id_slot": -1, "n_keep": 0, "t_max_prompt_ms": 0, "post_sampling_probs": false, "dynatemp_range": 0.0"#
        #expect(try request(neutral).ignoredParameters.isEmpty)
        let names = try request(#""cache_prompt": false, "id_slot": 1, "unheard_of": 1, "t_max_prompt_ms": 500"#).ignoredParameters.names
        #expect(names == ["cache_prompt", "id_slot", "unheard_of", "t_max_prompt_ms"])
    }

    // MARK: Gaps

    /// As llama.vim and llama.vscode send it.
    private static let gap = #"""
        {"model": "m", "input_prefix": "def f():\n", "input_suffix": "\n    return x\n", "prompt": "    x",
         "input_extra": [{"text": "y = 1\n", "time": [1, 2], "filename": "y.py"}, {"text": "z"}], "n_predict": 128, "stop": [], "n_indent": 4,
         "top_k": 40, "top_p": 0.9, "stream": false, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": true, "t_max_prompt_ms": 500,
         "t_max_predict_ms": 250, "response_fields": ["content", "timings/prompt_n", "truncated"], "lora": [{"id": 0, "scale": 0.5}]}
        """#

    @Test func editorsFillGaps() throws {
        let decoded = try LlamaServerRequest(infill: try JSON.parse(Self.gap))
        #expect(decoded.text.prompts == [.text("def f():\n    x")] && decoded.text.maximumTokens == 128 && decoded.text.choices == 1)
        let files = [TextGap.File(name: "y.py", text: "y = 1\n"), .init(name: "tmp", text: "z")]
        #expect(decoded.text.gap == TextGap(suffix: "\n    return x\n", files: files))
        #expect(decoded.text.lines == LineLimits(indentation: 4, duration: .milliseconds(250)))
        #expect(decoded.text.adapters == [AdapterChoice(.index(0), scale: 0.5)])
        #expect(decoded.ignoredParameters.names == ["input_extra[].time", "t_max_prompt_ms"])
        #expect(decoded.error(.noInfill).code == "unsupported_parameter")
    }

    @Test(arguments: [
        ("{}", "input_prefix"), (#"{"input_prefix": ""}"#, "input_suffix"), (#"{"input_prefix": 5, "input_suffix": ""}"#, "input_prefix"),
        (#"{"input_prefix": "", "input_suffix": "", "input_extra": {}}"#, "input_extra"),
        (#"{"input_prefix": "", "input_suffix": "", "input_extra": [{}]}"#, "input_extra[0].text"),
        (#"{"input_prefix": "", "input_suffix": "", "input_extra": ["a"]}"#, "input_extra[0]"),
        (#"{"input_prefix": "", "input_suffix": "", "prompt": ["a"]}"#, "prompt"),
    ])
    func badGapsAreNamed(fields: String, name: String) throws {
        var json = try #require(try JSON.parse(fields).objectValue)
        json["model"] = "m"
        let body = JSON.object(json)
        #expect(try #require(throws: APIError.self) { try LlamaServerRequest(infill: body) }.param == name)
    }

    // MARK: Embeddings

    @Test(
        arguments: [
            (nil, [0.6, -0.8]), (2, [0.6, -0.8]), (1, [0.6 / 1.4, -0.8 / 1.4]), (0, [0.75 * 32760, -32760]),
        ] as [(Int?, [Float])])
    func vectorsHaveTheNormThatIsAskedFor(norm: Int?, expected: [Float]) throws {
        var json: JSONObject = ["model": "m", "content": ["a", "b"]]
        if let norm { json["embd_normalize"] = .int(norm) }
        let decoded = try LlamaServerEmbedRequest(.object(json))
        #expect(decoded.embedding.inputs == [.text("a"), .text("b")])
        let response = decoded.response(EmbeddingResult(vectors: [[0.6, -0.8], [0, 0]], promptTokens: 2))
        let vector = (response[0]?["embedding"]?[0]?.arrayValue ?? []).compactMap(\.doubleValue)
        #expect(vector.count == 2 && zip(vector, expected).allSatisfy { abs($0 - Double($1)) <= 0.001 * max(1, abs($0)) })
        #expect(response[1] == ["index": 1, "embedding": [[0, 0]]])
        #expect(throws: APIError.self) { try LlamaServerEmbedRequest(["model": "m", "content": "a", "embd_normalize": -1]) }
    }

    // MARK: The matrix

    @Test func theDecodersReadTheRowsThatAreSupported() throws {
        func read(_ path: String, _ decode: (FieldRecorder) throws -> Void) throws {
            let recorder = FieldRecorder()
            try decode(recorder)
            let endpoint = try #require(API.llamaServer.endpoints.first { $0.path == path })
            let promised = endpoint.request.filter {
                switch $0.support {
                case .supported, .partial: true
                case .refused, .ignored, .notSupported: false
                }
            }
            // The members of adapters are read from the translated request.
            #expect(recorder.fields == Set(promised.map(\.field).filter { !$0.hasPrefix("lora[") }))
        }
        try read("/completion") { _ = try LlamaServerRequest(completion: ["model": "m", "prompt": "a"], recorder: $0) }
        let gap: JSON = ["model": "m", "input_prefix": "", "input_suffix": "", "input_extra": [["text": "a"]]]
        try read("/infill") { _ = try LlamaServerRequest(infill: gap, recorder: $0) }
        try read("/embedding") { _ = try LlamaServerEmbedRequest(["model": "m", "content": "a"], recorder: $0) }
    }
}
