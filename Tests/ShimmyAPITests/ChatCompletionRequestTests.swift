import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Decoding of chat completion requests: typical client requests, and each refusal with the path of the field.
@Suite struct ChatCompletionRequestTests {
    private func decode(_ text: String) throws -> ChatCompletionRequest { try ChatCompletionRequest(JSON.parse(Array(text.utf8))) }

    private func message(_ text: String) throws -> ChatMessage {
        try decode(#"{"model": "m", "messages": [\#(text)]}"#).chat.conversation.messages[0]
    }

    @Test func theDefaultsAreOpenAIs() throws {
        let request = try decode(#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#)
        #expect(request.chat == ChatRequest(messages: [ChatMessage(.user, "Hi")]))
        #expect(request.chat.sampling == SamplingParameters(temperature: 1, topP: 1, seed: nil))
        #expect(!request.stream && !request.includeUsage && request.ignoredParameters.isEmpty && request.model == "m")
    }

    @Test func valuesWithoutEffectAreKnown() throws {
        let fields = #""temperature": 1, "top_p": 1.0, "top_k": 0, "min_p": 0.5, "repeat_penalty": null"#
        let request = try decode(#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}], \#(fields)}"#)
        #expect(request.chat.sampling.neutral == [.temperature, .topP, .topK])
    }

    @Test func everyFieldIsRead() throws {
        let request = try decode(
            #"""
            {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "max_completion_tokens": 5, "temperature": 0.5,
             "top_p": 0.25, "seed": -9223372036854775808, "stop": ["a", "", "b"], "stream": true, "stream_options": {"include_usage": true}}
            """#)
        #expect(request.chat.maximumTokens == 5)
        #expect(request.chat.sampling == SamplingParameters(temperature: 0.5, topP: 0.25, seed: .min))
        #expect(request.chat.stops == ["a", "b"])
        #expect(request.stream && request.includeUsage)
    }

    /// PHP writes an empty object as an empty array.
    @Test(arguments: [("[]", "null"), (#"{"type": "object", "properties": []}"#, #"{"type": "object", "properties": {}}"#)])
    func anEmptyArrayInASchemaIsAnEmptyObject(given: String, used: String) throws {
        let tool = #"{"type": "function", "function": {"name": "f", "parameters": \#(given)}}"#
        let request = try decode(#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [\#(tool)]}"#)
        let expected = try JSON.parse(used)
        #expect(request.chat.conversation.tools.first?.parameters ?? .null == expected)
        #expect(request.chat.conversation.normalizations == [.emptyObjects])
    }

    @Test func decodesEveryFormOfContent() throws {
        #expect(try message(#"{"role": "user", "content": "a"}"#).content == ["a"])
        #expect(try message(#"{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}"#).content == ["a", "b"])
        #expect(try message(#"{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}"#).content == ["no"])
        #expect(try message(#"{"role": "assistant", "content": null}"#).content == nil)
        #expect(try message(#"{"role": "assistant"}"#).content == nil)
        #expect(try message(#"{"role": "user", "content": []}"#).content == [])
        let rich = try message(#"{"role": "tool", "content": "a", "tool_call_id": "c1", "name": "n", "reasoning_content": "r", "other": {}}"#)
        #expect(rich == ChatMessage(role: .tool, content: ["a"], name: "n", toolCallID: "c1", reasoning: "r"))
    }

    @Test(arguments: [
        (#"{"type": "thinking", "thinking": "t", "signature": "s"}"#, "t"), (#"{"type": "reasoning", "text": "t"}"#, "t"),
        (#"{"type": "reasoning", "reasoning": "t"}"#, "t"), (#"{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}"#, "t"),
        (#"{"type": "thinking", "thinking": "t"}, {"type": "reasoning", "text": "u"}"#, "t\nu"),
    ])
    func reasoningMayBeAPart(parts: String, reasoning: String) throws {
        let answer = try message(#"{"role": "assistant", "content": [\#(parts), {"type": "text", "text": "a"}]}"#)
        #expect(answer == ChatMessage(role: .assistant, content: ["a"], reasoning: reasoning))
        let both = try message(#"{"role": "assistant", "reasoning_content": "r", "content": [\#(parts)]}"#)
        #expect(both == ChatMessage(role: .assistant, content: [], reasoning: "r"))
        let user = try #require(throws: APIError.self) { try message(#"{"role": "user", "content": [\#(parts)]}"#) }
        #expect(user.param == "messages[0].content[0].type" && user.code == "invalid_value")
    }

    @Test(arguments: [
        (#"{"type": "thinking"}"#, "messages[0].content[0].thinking"), (#"{"type": "reasoning"}"#, "messages[0].content[0].reasoning"),
        (#"{"type": "reasoning", "text": 5}"#, "messages[0].content[0].text"),
        (#"{"type": "thinking", "thinking": [{"type": "reference"}]}"#, "messages[0].content[0].thinking[0].type"),
    ])
    func malformedPartsOfReasoningAreNamed(part: String, param: String) throws {
        let error = try #require(throws: APIError.self) { try message(#"{"role": "assistant", "content": [\#(part)]}"#) }
        #expect(error.status == 400 && error.param == param)
    }

    @Test func textMayHaveTheNamesOfResponses() throws {
        let request = try decode(
            #"""
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}, {"role": "assistant",
             "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}]}, {"role": "user", "content": "c"}]}
            """#)
        #expect(request.chat.conversation.messages.map(\.texts) == [["a"], ["b"], ["c"]])
        #expect(request.ignoredParameters.isEmpty)
    }

    @Test func decodesDeprecatedFunctionCalls() throws {
        let old = try message(#"{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}}"#)
        #expect(old.toolCalls == [["id": "call_0", "type": "function", "function": ["name": "f", "arguments": "{}"]]])
        // A function result answers the preceding call and becomes a tool message, because current templates only support those.
        let result = try message(#"{"role": "function", "name": "f", "content": "5"}"#)
        #expect(result == ChatMessage(role: .tool, content: ["5"], name: "f", toolCallID: "call_0"))
        #expect(try message(#"{"role": "assistant", "tool_calls": []}"#).toolCalls == nil)
    }

    private func arguments(_ value: JSON) throws -> JSON? {
        let call: JSON = ["id": "c", "type": "function", "function": ["name": "f", "arguments": value]]
        let body: JSON = ["model": "m", "messages": [["role": "assistant", "tool_calls": [call]]]]
        return try ChatCompletionRequest(body).chat.conversation.messages.first?.toolCalls?[0]?["function"]?["arguments"]
    }

    @Test func argumentsInAHistoryMayBeAnything() throws {
        #expect(try arguments(#"{"a": 1}"#) == #"{"a": 1}"#)
        #expect(try arguments(["a": 1]) == #"{"a":1}"#)
        #expect(try arguments("") == "{}")
        #expect(try arguments(.null) == "{}")
        // Arguments that are not valid JSON become a JSON string.
        #expect(try arguments("{no") == #""{no""#)
    }

    @Test func decodesCallsOfCustomTools() throws {
        let custom = try message(#"{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "a"}}]}"#)
        #expect(custom.toolCalls?[0]?["function"] == ["name": "f", "arguments": #"{"input":"a"}"#])
    }

    @Test func decodesEveryFormOfPrediction() throws {
        func prediction(_ text: String) throws -> String {
            try decode(#"{"model": "m", "messages": [{"role": "user", "content": "a"}], "prediction": \#(text)}"#).chat.prediction
        }
        #expect(try prediction(#"{"type": "content", "content": "ab"}"#) == "ab")
        #expect(try prediction(#"{"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]}"#) == "ab")
        #expect(throws: APIError.self) { try prediction(#"{"type": "guess", "content": "ab"}"#) }
        #expect(throws: APIError.missing(.key("prediction").key("content"))) { try prediction(#"{"type": "content"}"#) }
    }

    @Test func nullIsTheSameAsAbsent() throws {
        let names = Compatibility.chatCompletions.request.map(\.field).filter { !$0.contains(".") && !["model", "messages"].contains($0) }
        let nulls = names.map { #", "\#($0)": null"# }.joined()
        let request = try decode(#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]\#(nulls)}"#)
        #expect(request == (try decode(#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#)))
    }

    /// Agents send an output with an image again with each request. An image of the user is a 400; see `refusalsNameTheirField`.
    @Test(arguments: [("tool", "tool_calls"), ("function", "function_call")]) func imagesInOutputsAreReplaced(role: String, calls: String) throws {
        let call = #"{"name": "f", "arguments": "{}"}"#
        let made = calls == "function_call" ? call : #"[{"id": "c", "type": "function", "function": \#(call)}]"#
        let request = try decode(
            #"""
            {"model": "m", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "\#(calls)": \#(made)},
             {"role": "\#(role)", "tool_call_id": "c", "name": "f", "content": [{"type": "text", "text": "See:"},
              {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"type": "input_audio"}, {"type": "file"}]}]}
            """#)
        let texts = ["image", "audio", "file"].map { "[\($0) omitted: this model reads only text]" }
        #expect(request.chat.conversation.messages[2].texts == ["See:"] + texts)
        #expect(Set(request.ignoredParameters.names).isSuperset(of: (1...3).map { "messages[2].content[\($0)]" }))
    }

    @Test(arguments: [
        (#"[1]"#, nil, "invalid_type"),
        (#"{}"#, "model", "missing_required_parameter"),
        (#"{"model": "m"}"#, "messages", "missing_required_parameter"),
        (
            #"{"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]}"#,
            "tools[0].function.parameters", "invalid_function_parameters"
        ),
        (
            #"{"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}"#, "messages[0].content[0].text",
            "missing_required_parameter"
        ),
        (#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, "messages[0].content[0].type", "unsupported_value"),
        (
            #"{"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "x"}]}]}"#, "messages[0].content[0].type",
            "invalid_value"
        ),
        (#"{"model": "m", "messages": [{"role": "User", "content": "a"}]}"#, "messages[0].role", "invalid_value"),
        (#"{"model": "m", "messages": [{"role": "assistant", "function_call": 5}]}"#, "messages[0].function_call", "invalid_type"),
        (#"{"model": "m", "messages": [{"role": "user", "content": "a"}], "stop": ["a", "b", "c", "d", "e"]}"#, "stop", "array_above_max_length"),
        (
            #"{"model": "m", "messages": [{"role": "user", "content": "a"}], "stream_options": {"include_usage": "yes"}}"#,
            "stream_options.include_usage", "invalid_type"
        ),
        (#"{"model": "m", "messages": [{"role": "user", "content": "a"}], "seed": 9223372036854775808}"#, "seed", "integer_above_max_value"),
        (#"{"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 0}"#, "max_tokens", "integer_below_min_value"),
    ])
    func refusalsNameTheirField(text: String, param: String?, code: String) throws {
        let error = try #require(throws: APIError.self) { try decode(text) }
        #expect(error.status == 400 && error.param == param && error.code == code && error.type == "invalid_request_error")
    }

    /// The decoder treats each refused or ignored field as its row in the matrix states, for neutral and other values.
    @Test(arguments: Compatibility.chatCompletions.request.filter { !$0.field.contains(".") }.map(\.field))
    func rowsBehaveAsTheyAreDescribed(field: String) throws {
        let row = try #require(Compatibility.chatCompletions.request.first { $0.field == field })
        func request(with value: JSON) throws -> ChatCompletionRequest {
            try ChatCompletionRequest(["model": "m", "messages": [["role": "user", "content": "a"]], .init(stringLiteral: field): value])
        }
        let strange: JSON = [-5.5]
        switch row.support {
        case .refused(let neutral):
            for value in neutral { #expect(try request(with: value).ignoredParameters.isEmpty) }
            let refusal = APIError.unsupportedParameter(.key(field), because: Compatibility.refusalReasons[field])
            #expect(throws: refusal) { try request(with: strange) }
        case .ignored(let neutral):
            for value in neutral { #expect(try request(with: value).ignoredParameters.isEmpty) }
            #expect(try request(with: strange).ignoredParameters == [field])
        case .supported, .partial: #expect(throws: APIError.self) { try request(with: strange) }
        case .notSupported: Issue.record("a request field is refused or ignored, never just absent")
        }
    }
}
