import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Decoding of Responses API requests, and each refusal with the path of the field.
@Suite struct ResponseRequestTests {
    private static func decode(_ more: String) throws -> ResponseRequest {
        try ResponseRequest(JSON.parse(#"{"model": "m", "input": "Hi"\#(more.isEmpty ? "" : ", " + more)}"#))
    }

    @Test func theDefaultsAreOpenAIs() throws {
        let request = try Self.decode("")
        #expect(!request.stream && !request.isBackground && !request.truncates && !request.isFlex && request.ignoredParameters.isEmpty)
        #expect(request.store == nil && request.instructions == nil && request.previousID == nil && request.conversationID == nil)
        #expect(request.chat.maximumTokens == nil && request.chat.sampling == SamplingParameters())
        #expect(request.style == ResponseStyle())
        let object = ResponseObject(id: "resp_1", created: 1, request: request, isStored: false).json
        #expect(object["text"] == ["format": ["type": "text"], "verbosity": "medium"] && object["tool_choice"] == "auto")
        #expect(object["tools"] == [] && object["store"] == false && object["metadata"] == [:] && object["temperature"] == 1)
        #expect(object["reasoning"] == ["effort": .null, "summary": .null] && object["truncation"] == "disabled")
    }

    @Test func everyFieldIsRead() throws {
        let request = try Self.decode(
            #"""
            "instructions": "Be short.", "conversation": {"id": "conv_1"}, "store": true, "metadata": {"a": "b"}, "max_output_tokens": 9,
            "temperature": 0.5, "top_p": 0.25, "top_logprobs": 2, "include": ["message.output_text.logprobs", "reasoning.encrypted_content",
            "file_search_call.results"], "truncation": "auto", "background": true, "stream": true, "service_tier": "flex",
            "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low", "format": {"type": "json_object"}},
            "user": "me", "context_management": []
            """#)
        #expect(request.conversationID == "conv_1" && request.store == true && request.isBackground && request.stream && request.isFlex)
        #expect(request.truncates && request.chat.maximumTokens == 9 && request.chat.sampling.logprobs == 2)
        #expect(request.chat.sampling.temperature == 0.5 && request.chat.sampling.topP == 0.25 && request.chat.thinkingBudget == 1024)
        #expect(request.style == ResponseStyle(summarizesThoughts: true, sealsThoughts: true, tellsLogprobs: true))
        #expect(request.chat.conversation.responseSchema == ["type": "object"])
        #expect(request.ignoredParameters == ["context_management", "text.verbosity", "include[2]"])
        let messages = try request.chat([]).conversation.messages
        #expect(messages == [ChatMessage(.system, "Be short.")])
    }

    @Test func toolsAreFlat() throws {
        let request = try Self.decode(
            #"""
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}, {"type": "web_search"},
             {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}}],
            "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
            """#)
        #expect(request.chat.conversation.tools.map(\.name) == ["f", "g"] && request.dialect.tools == ["g": CalledTool("g", kind: .custom)])
        #expect(request.chat.conversation.tools[1].inputGrammar != nil)
        #expect(request.chat.conversation.toolChoice == ToolChoice(.required, names: ["f"]))
        #expect(request.ignoredParameters == ["tools[1]"])
        let told = ResponseObject(id: "resp_1", created: 1, request: request, isStored: true).json["tools"]
        #expect(told?[0]?["strict"] == true && told?[0]?["description"] == .null && told?[1] == ["type": "web_search"])
    }

    /// As with OpenAI, a function without `strict` becomes strict, with all properties required, unless its schema does not allow that.
    @Test func functionsAreStrictWherePossible() throws {
        let optional = #"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "null"}}}, "c": {}}}"#
        let closed = try JSON.parse(
            #"""
            {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "null"}}, "additionalProperties": false,
             "required": ["b"]}, "c": {}}, "additionalProperties": false, "required": ["a", "c"]}
            """#)
        let open = #"{"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}"#
        let request = try Self.decode(
            #"""
            "tools": [{"type": "function", "name": "made", "parameters": \#(optional)}, {"type": "function", "name": "null", "strict": null,
             "parameters": \#(optional)}, {"type": "function", "name": "not", "strict": false, "parameters": \#(optional)},
             {"type": "function", "name": "open", "parameters": \#(open)}]
            """#)
        let told = ResponseObject(id: "resp_1", created: 1, request: request, isStored: true).json["tools"]
        let tools = request.chat.conversation.tools
        for (index, isMade) in [true, true, false, false].enumerated() {
            #expect(told?[index]?["strict"] == .bool(isMade) && !tools[index].isStrict)
            #expect((tools[index].parameters == closed) == isMade && (told?[index]?["parameters"] == closed) == isMade)
        }
        #expect(try tools[3].parameters == JSON.parse(open))
    }

    @Test(arguments: [
        (#""tool_choice": {"type": "function", "name": "f"}"#, ToolChoice(.required, names: ["f"], isOneCall: true)),
        (#""tool_choice": {"type": "custom", "name": "f"}"#, ToolChoice(.required, names: ["f"], isOneCall: true)),
        (#""tool_choice": "required""#, ToolChoice(.required)), (#""tool_choice": "none""#, ToolChoice(.none)),
        (#""tool_choice": "auto""#, ToolChoice(.auto)), (#""parallel_tool_calls": false"#, ToolChoice(.auto)),
    ])
    func everyToolChoice(text: String, choice: ToolChoice) throws {
        let request = try Self.decode(#""tools": [{"type": "function", "name": "f"}], \#(text)"#)
        #expect(request.chat.conversation.toolChoice == choice)
        #expect(request.chat.conversation.allowsParallelCalls == (!choice.isOneCall && !text.contains("parallel")))
    }

    @Test(arguments: [
        (#""previous_response_id": "a", "conversation": "b""#, "previous_response_id", "mutually_exclusive_parameters"),
        (#""conversation": {}"#, "conversation.id", "missing_required_parameter"),
        (#""conversation": 5"#, "conversation", "invalid_type"),
        (#""max_output_tokens": 0"#, "max_output_tokens", "integer_below_min_value"),
        (#""include": ["nonsense"]"#, "include[0]", "invalid_value"),
        (#""truncation": "middle""#, "truncation", "invalid_value"),
        (#""metadata": {"a": 5}"#, "metadata.a", "invalid_type"),
        (#""text": {"format": {"type": "json_schema", "name": "a"}}"#, "text.format.schema", "missing_required_parameter"),
        (#""text": {"format": {"type": "xml"}}"#, "text.format.type", "invalid_value"),
        (#""text": {"verbosity": "loud"}"#, "text.verbosity", "invalid_value"),
        (#""reasoning": {"effort": "huge"}"#, "reasoning.effort", "invalid_value"),
        (#""reasoning": {"summary": "long"}"#, "reasoning.summary", "invalid_value"),
        (#""tools": [{"type": "function"}]"#, "tools[0].name", "missing_required_parameter"),
        (#""tool_choice": "required""#, "tool_choice", "invalid_value"),
        (#""tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "g"}"#, "tool_choice", "invalid_value"),
        (#""background": true, "store": false"#, "store", "invalid_value"),
        (#""prompt": {"id": "a"}"#, "prompt", "unsupported_parameter"),
        (#""service_tier": "best""#, "service_tier", "invalid_value"),
    ])
    func wrongFieldsAreNamed(text: String, param: String, code: String) {
        do {
            _ = try Self.decode(text)
            Issue.record("it was accepted")
        } catch {
            let error = error as? APIError
            #expect(error?.status == 400 && error?.param == param && error?.code == code, "\(String(describing: error))")
        }
    }

    @Test func metadataIsBounded() {
        let many = (0...16).map { "\"k\($0)\": \"\"" }.joined(separator: ", ")
        let long = String(repeating: "x", count: 513)
        for (metadata, code) in [("{\(many)}", "object_above_max_properties"), ("{\"a\": \"\(long)\"}", "string_above_max_length")] {
            #expect(throws: APIError.self) { _ = try Self.decode("\"metadata\": \(metadata)") }
            do { _ = try Self.decode("\"metadata\": \(metadata)") } catch { #expect((error as? APIError)?.code == code) }
        }
    }

    @Test(arguments: [#""required""#, #"{"type": "web_search"}"#, #"{"type": "function", "name": "f"}"#])
    func aChoiceAmongHostedToolsIsExplained(choice: String) throws {
        let hosted = try #require(throws: APIError.self) { try Self.decode(#""tools": [{"type": "web_search"}], "tool_choice": \#(choice)"#) }
        #expect(hosted.param == "tool_choice" && hosted.message.contains("'tools' has only hosted tools"))
        let none = try #require(throws: APIError.self) { try Self.decode(#""tools": [], "tool_choice": \#(choice)"#) }
        #expect(none.message.contains("only allowed when 'tools' are specified"))
    }

    @Test func thereIsAlwaysSomethingToAnswer() throws {
        for body in [#"{"model": "m"}"#, #"{"model": "m", "instructions": "a"}"#] {
            #expect(throws: APIError.missing(.key("input"))) { _ = try ResponseRequest(JSON.parse(body)) }
        }
        #expect(throws: APIError.emptyArray(.key("input"))) { _ = try ResponseRequest(JSON.parse(#"{"model": "m", "input": []}"#)) }
        #expect(try ResponseRequest(JSON.parse(#"{"model": "m", "previous_response_id": "resp_1"}"#)).input == nil)
    }

    @Test func errorsOfTheModelNameTheFieldsOfResponses() {
        #expect(APIError(.badSchema(tool: 1, "no"), input: "input", isResponse: true).param == "tools[1].parameters")
        #expect(APIError(.badSchema(tool: nil, "no"), input: "input", isResponse: true).param == "text.format.schema")
        #expect(APIError(.badToolGrammar(0, "no"), input: "input", isResponse: true).param == "tools[0].format.definition")
        #expect(APIError(.contextExceeded(prompt: 5, requested: nil, context: 3), input: "input", isResponse: true).param == "input")
        #expect(APIError(.badSchema(tool: 1, "no")).param == "tools[1].function.parameters")
    }
}
