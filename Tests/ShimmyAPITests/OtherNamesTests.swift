import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Field names of other servers, and combinations of fields that OpenAI refuses.
@Suite struct OtherNamesTests {
    private func chat(_ fields: String) throws -> ChatCompletionRequest {
        try ChatCompletionRequest(try JSON.parse(#"{"model": "m", "messages": [{"role": "user", "content": "a"}], \#(fields)}"#))
    }

    private func refusal(_ fields: String) throws -> APIError { try #require(throws: APIError.self) { try chat(fields) } }

    @Test(arguments: [
        (#""guided_regex": "a+""#, #""regex": "a+""#), (#""guided_choice": ["a", "b"]"#, #""choice": ["a", "b"]"#),
        (#""guided_grammar": "root ::= [a]""#, #""grammar": "root ::= [a]""#), (#""structured_outputs": {"regex": "a+"}"#, #""regex": "a+""#),
        (#""structured_outputs": {"choice": ["a"]}"#, #""choice": ["a"]"#),
        (#""structured_outputs": {"grammar": "root ::= [a]"}"#, #""grammar": "root ::= [a]""#),
        (#""guided_json": {"type": "array"}"#, #""response_format": {"type": "json_schema", "schema": {"type": "array"}}"#),
        (#""guided_json": "{\"type\": \"array\"}""#, #""response_format": {"type": "json_object", "schema": {"type": "array"}}"#),
        (
            #""structured_outputs": {"json": {"type": "array"}}"#,
            #""response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}}"#
        ),
        (#""structured_outputs": {"json_object": true}"#, #""response_format": {"type": "json_object"}"#),
        (#""json_schema": {"type": "array"}"#, #""guided_json": {"type": "array"}"#),
    ])
    func vLLMsNamesMeanTheSame(theirs: String, ours: String) throws {
        let (theirs, ours) = (try chat(theirs), try chat(ours))
        #expect(theirs.chat.grammar == ours.chat.grammar)
        #expect(theirs.chat.conversation.responseSchema == ours.chat.conversation.responseSchema)
        #expect(theirs.chat.grammar != nil || theirs.chat.conversation.responseSchema != nil)
        #expect(theirs.ignoredParameters.isEmpty)
    }

    /// A bracket in a text or a literal opens no group.
    @Test(arguments: ["(", ")"]) func bracketsInTextsAreNoGroups(bracket: String) throws {
        let texts = (0..<100).map { "\"\(bracket)\($0)\"" }.joined(separator: ", ")
        #expect(try chat("\"choice\": [\(texts)]").chat.grammar?.contains("\"\(bracket)99\"") == true)
        let literals = String(repeating: #"\"\#(bracket)\" "#, count: 100)
        let escaped = String(repeating: #"\\\#(bracket)"#, count: 100)
        #expect(try chat(#""grammar": "root ::= \#(literals)""#).chat.grammar != nil)
        #expect(try chat(#""regex": "\#(escaped)""#).chat.grammar != nil)
    }

    @Test func valuesForNoLimitAndNoGrammarAreAccepted() throws {
        #expect(try chat(#""max_tokens": -1"#).chat.maximumTokens == nil)
        #expect(try chat(#""max_tokens": -1, "max_completion_tokens": 5"#).chat.maximumTokens == 5)
        #expect(try refusal(#""max_tokens": -2"#).param == "max_tokens")
        let grammar = try chat(#""grammar": "", "guided_grammar": "", "regex": "a""#)
        #expect(grammar.chat.grammar?.contains("a") == true && grammar.ignoredParameters.isEmpty)
    }

    @Test func thinkingIsTurnedOffAtTheTopLevel() throws {
        let off = try chat(#""enable_thinking": false"#)
        #expect(off.chat.conversation.thinks == false && off.ignoredParameters.isEmpty)
        let on = try chat(#""enable_thinking": true"#).chat.conversation
        #expect(on.thinks == true && on.reasoningFields == ["enable_thinking"])
        let both = try chat(#""enable_thinking": true, "chat_template_kwargs": {"enable_thinking": false}"#).chat.conversation
        #expect(both.thinks == false)
    }

    @Test func theEffortHasOtherNames() throws {
        let low = try chat(#""reasoning": {"effort": "low"}"#)
        #expect(low.chat.thinkingBudget == 1024 && low.ignoredParameters.isEmpty)
        #expect(low.chat.conversation.reasoningFields == ["reasoning.effort"])
        for fields in [#""reasoning": {"effort": "none"}"#, #""thinking": {"type": "disabled"}"#] {
            let off = try chat(fields)
            #expect(off.chat.conversation.thinks == false && off.chat.thinkingBudget == 0 && off.ignoredParameters.isEmpty)
        }
        let on = try chat(#""thinking": {"type": "enabled"}, "reasoning_effort": "low", "reasoning": {"effort": "low"}"#)
        #expect(on.chat.conversation.thinks == true && on.chat.thinkingBudget == 1024)
        #expect(on.chat.conversation.reasoningFields == ["reasoning_effort", "thinking.type"])
        let auto = try chat(#""thinking": {"type": "auto"}"#)
        #expect(auto.chat.conversation.thinks == nil && auto.ignoredParameters.isEmpty)
        #expect(try chat(#""reasoning": {"exclude": true}"#).ignoredParameters == ["reasoning.exclude"])
    }

    @Test func thinkIsOllamasName() throws {
        let off = try chat(#""think": false"#)
        #expect(off.chat.conversation.thinks == false && off.ignoredParameters.isEmpty)
        let on = try chat(#""think": true"#).chat.conversation
        #expect(on.thinks == true && on.reasoningFields == ["think"])
        let low = try chat(#""think": "low""#).chat
        #expect(low.thinkingBudget == 1024 && low.conversation.reasoningFields == ["think"])
        #expect(try refusal(#""think": 1"#).code == "invalid_type")
    }

    @Test(arguments: [
        (#""thinking_budget_tokens": 5"#, "thinking_budget_tokens"), (#""thinking_budget": 5"#, "thinking_budget"),
        (#""thinking": {"type": "adaptive", "budget_tokens": 5}"#, "thinking.budget_tokens"),
        (#""thinking_budget": 5, "reasoning_budget_tokens": 5"#, "reasoning_budget_tokens"),
    ])
    func theBudgetHasOtherNames(fields: String, name: String) throws {
        let request = try chat(#"\#(fields), "reasoning_effort": "none""#)
        #expect(request.chat.thinkingBudget == 5 && request.ignoredParameters.isEmpty)
        #expect(request.chat.conversation.reasoningFields == [name] && request.chat.conversation.namesBudget)
    }

    @Test func budgetsMayHaveNoEffect() throws {
        let off = try chat(#""thinking": {"type": "disabled", "budget_tokens": 5}"#).chat
        #expect(off.thinkingBudget == 0 && off.conversation.thinks == false && !off.conversation.namesBudget)
        #expect(try chat(#""thinking_budget": -1, "reasoning_effort": "low""#).chat.thinkingBudget == nil)
        #expect(try refusal(#""thinking_budget": -2"#).param == "thinking_budget")
    }

    @Test func mistralsChoiceIsACall() throws {
        let tools = #""tools": [{"type": "function", "function": {"name": "f"}}]"#
        let request = try chat(#"\#(tools), "tool_choice": "any""#)
        #expect(request.chat.conversation.toolChoice == ToolChoice(.required) && request.ignoredParameters.isEmpty)
        #expect(try refusal(#""tool_choice": "any""#).param == "tool_choice")
    }

    @Test(arguments: [
        (#""reasoning": {"effort": "low"}, "reasoning_effort": "high""#, "reasoning.effort"),
        (#""thinking": {"type": "disabled"}, "reasoning_effort": "high""#, "thinking.type"),
        (#""thinking": {"type": "enabled"}, "reasoning": {"effort": "none"}"#, "thinking.type"),
        (#""thinking": {"type": "enabled"}, "enable_thinking": false"#, "thinking.type"),
        (#""thinking": {"type": "sometimes"}"#, "thinking.type"), (#""think": false, "enable_thinking": true"#, "think"),
        (#""think": "low", "reasoning_effort": "high""#, "think"), (#""think": "sometimes""#, "think"),
        (#""thinking": {"type": "enabled"}, "think": false"#, "thinking.type"),
        (#""thinking_budget": 5, "reasoning_budget_tokens": 6"#, "thinking_budget"),
        (#""thinking": {"type": "enabled", "budget_tokens": 5}, "thinking_budget_tokens": 6"#, "thinking.budget_tokens"),
    ])
    func contradictingEffortsAreNamed(fields: String, name: String) throws {
        let error = try refusal(fields)
        #expect(error.param == name && error.code == "invalid_value")
    }

    @Test func vLLMsPenaltyLooksAtEverything() throws {
        let sampling = try chat(#""repetition_penalty": 1.5"#).chat.sampling
        #expect(sampling.repeatPenalty == 1.5 && sampling.repeatWindow == .max)
    }

    @Test(arguments: [
        (#""stop_token_ids": [1]"#, "stop_token_ids"), (#""include_stop_str_in_output": true"#, "include_stop_str_in_output"),
        (#""skip_special_tokens": false"#, "skip_special_tokens"), (#""truncate_prompt_tokens": 5"#, "truncate_prompt_tokens"),
        (#""add_generation_prompt": false"#, "add_generation_prompt"),
        (#""structured_outputs": {"structural_tag": "{}"}"#, "structured_outputs.structural_tag"),
        (#""bad_words": ["a"]"#, "bad_words"), (#""allowed_token_ids": [1]"#, "allowed_token_ids"), (#""use_beam_search": true"#, "use_beam_search"),
        (#""chat_template": "{{ messages }}""#, "chat_template"),
    ])
    func whatWouldChangeTheAnswerIsRefused(fields: String, name: String) throws {
        let error = try refusal(fields)
        #expect(error.param == name && error.code == "unsupported_parameter")
    }

    @Test func aTemplateOfTheClientIsRefusedWithAReason() throws {
        #expect(try refusal(#""chat_template": "x""#).message.contains("'chat_template_kwargs'"))
        let empty = try chat(#""chat_template": "", "bad_words": [], "allowed_token_ids": null, "use_beam_search": false"#)
        #expect(empty.ignoredParameters.isEmpty)
    }

    @Test func eachAPIListsItsOwnTypesOfChoices() throws {
        let chat = try refusal(#""tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": {"type": "shell"}"#)
        #expect(chat.param == "tool_choice.type")
        #expect(chat.message.hasSuffix("Supported values are: 'function', 'custom', 'allowed_tools'."))
        let request: JSON = ["model": "m", "input": "a", "tools": [["type": "function", "name": "f"]], "tool_choice": ["type": "other"]]
        let response = try #require(throws: APIError.self) { try ResponseRequest(request) }
        #expect(response.param == "tool_choice.type" && response.message.contains("'apply_patch', 'tool_search', 'allowed_tools'"))
    }

    @Test func theirNeutralValuesAreAccepted() throws {
        let request = try chat(
            #""stop_token_ids": [], "include_stop_str_in_output": false, "skip_special_tokens": true, "add_generation_prompt": true"#)
        #expect(request.ignoredParameters.isEmpty)
        let going = try ChatCompletionRequest(
            try JSON.parse(
                #"{"model": "m", "messages": [{"role": "assistant", "content": "a"}], "add_generation_prompt": false, "continue_final_message": true}"#
            ))
        #expect(going.chat.conversation.continuation == .content)
    }

    @Test(arguments: [999, 1000]) func templateArgumentsAreFew(count: Int) throws {
        for arguments in [
            (0..<count).map { #""k\#($0)": 1"# }.joined(separator: ","), #""a": [\#((0..<count).map { "\($0)" }.joined(separator: ","))]"#,
        ] {
            func decode() throws { _ = try chat(#""chat_template_kwargs": {\#(arguments)}"#) }
            if count == 1000, arguments.hasPrefix(#""a""#) {
                let error = try #require(#expect(throws: APIError.self) { try decode() })
                #expect(error.param == "chat_template_kwargs" && error.code == "limit_exceeded")
            } else {
                try decode()
            }
        }
    }

    /// Clients send an empty assistant message as the place of the answer. The answer begins as without it.
    @Test(arguments: [
        #""content": """#, #""content": null"#, #""content": []"#, #""content": [{"type": "text", "text": ""}]"#, #""content": "", "tool_calls": []"#,
        #""content": "", "reasoning_content": """#,
    ])
    func anEmptyBeginningOfTheAnswerIsNone(fields: String) throws {
        let messages = #"[{"role": "user", "content": "Hi"}, {"role": "assistant", \#(fields)}]"#
        for going in ["", #", "continue_final_message": true"#] {
            let request = try ChatCompletionRequest(try JSON.parse(#"{"model": "m", "messages": \#(messages)\#(going)}"#)).chat.conversation
            #expect(request.messages.map(\.role) == [.user] && request.continuation == .no && !request.mustContinue)
        }
        let whole = try ChatCompletionRequest(try JSON.parse(#"{"model": "m", "messages": \#(messages), "continue_final_message": false}"#))
        #expect(whole.chat.conversation.messages.count == 2)
    }

    @Test(arguments: [
        (#""guided_json": {}, "response_format": {"type": "json_object"}"#, "guided_json"),
        (#""guided_json": "{""#, "guided_json"), (#""guided_regex": "a", "regex": "b""#, "regex"),
        (#""json_schema": {}, "guided_json": {}"#, "json_schema"),
        (#""structured_outputs": {"json": {}, "json_object": true}"#, "structured_outputs.json_object"),
        (#""repetition_penalty": 1.1, "repeat_penalty": 1.1"#, "repetition_penalty"),
        (#""response_format": {"type": "json_schema", "schema": {}, "json_schema": {"name": "n"}}"#, "response_format.schema"),
    ])
    func contradictionsAreNamed(fields: String, name: String) throws {
        let error = try refusal(fields)
        #expect(error.status == 400 && error.param == name && error.code == "invalid_value")
    }

    /// Completions without a template have no constraints, and an answer without them would be another one.
    @Test(arguments: ["grammar", "regex", "choice", "json_schema", "guided_json", "response_format"])
    func constraintsOfPlainCompletionsAreRefused(name: String) throws {
        let request: JSONObject = ["model": "m", "prompt": "a"]
        func decode(_ value: JSON) throws {
            var fields = request
            fields[name] = value
            _ = try CompletionRequest(.object(fields))
        }
        let error = try #require(throws: APIError.self) { try decode(["type": "json_object"]) }
        #expect(error.param == name && error.code == "unsupported_parameter")
        if name == "response_format" { try decode(["type": "text"]) }
    }

    @Test func streamOptionsNeedAStream() throws {
        let error = try refusal(#""stream_options": {"include_usage": true}"#)
        #expect(error.param == "stream_options" && error.message == "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        let response = try #require(throws: APIError.self) { try ResponseRequest(["model": "m", "input": "a", "stream_options": [:]]) }
        #expect(response.param == "stream_options")
    }

    @Test func aChoiceOfToolsNeedsTools() throws {
        #expect(try refusal(#""tool_choice": "auto""#).param == "tool_choice")
        #expect(try chat(#""tool_choice": "none""#).chat.conversation.toolChoice == ToolChoice(.none))
        #expect(try chat(#""tool_choice": "auto", "tools": []"#).chat.conversation.toolChoice == ToolChoice(.none))
    }

    @Test(arguments: ["fast", "ultrafast", "scale"])
    func tiersThatAreNotThereAreReported(tier: String) throws {
        #expect(try chat(#""service_tier": "\#(tier)""#).ignoredParameters == ["service_tier"])
        #expect(try ResponseRequest(["model": "m", "input": "a", "service_tier": .string(tier)]).ignoredParameters == ["service_tier"])
        #expect(try chat(#""service_tier": "priority""#).ignoredParameters.isEmpty)
    }

    @Test func newFieldsOfOpenAIsAreReported() throws {
        let names = ["background_options", "access_programs", "client_metadata", "prompt_cache_options"]
        var request: JSONObject = ["model": "m", "input": "a"]
        for name in names { request[name] = ["a": 1] }
        #expect(
            try ResponseRequest(.object(request)).ignoredParameters == [
                "background_options", "access_programs", "client_metadata", "prompt_cache_options",
            ])
    }

    @Test func penaltiesAreEchoed() throws {
        let echo = try ResponseRequest(["model": "m", "input": "a", "presence_penalty": 0.5]).echo
        #expect(echo["presence_penalty"] == 0.5 && echo["frequency_penalty"] == 0)
    }

    @Test func inputsOfOneRequestAreOfOneKind() throws {
        for input in [["a", [1]], [[1], "a"]] as [JSON] {
            let error = try #require(throws: APIError.self) { try EmbeddingsRequest(["model": "m", "input": input]) }
            #expect(error.param == "input[1]" && error.code == "invalid_type")
        }
    }
}
