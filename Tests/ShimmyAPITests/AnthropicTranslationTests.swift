import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The translation of requests of Anthropic's API to chat completions.
@Suite struct AnthropicTranslationTests {
    /// Returns a decoded request with one message of a user, unless `fields` has other messages.
    private func request(_ fields: JSONObject, preset: RequestPreset = .none) throws -> MessageRequest {
        var body: JSONObject = ["model": "m", "max_tokens": 9, "messages": [["role": "user", "content": "Hi"]]]
        for (name, value) in fields { body[name] = value }
        let translation = try MessageTranslation.answer(.object(body))
        return try MessageRequest(preset.applied(to: translation.completion, of: Compatibility.chatCompletions).request, translation)
    }

    private func refusal(_ fields: JSONObject) throws -> String {
        let error = try #require(throws: APIError.self) { try request(fields) }
        return "\(error.status) \(error.param ?? "-")"
    }

    private func messages(_ messages: JSON, system: JSON = .null) throws -> [ChatMessage] {
        try request(["messages": messages, "system": system]).chat.conversation.messages
    }

    // MARK: Messages

    @Test func turnsBecomeMessages() throws {
        let calls: JSON = [
            ["type": "text", "text": "I look."], ["type": "tool_use", "id": "toolu_1", "name": "look", "input": ["at": "é", "n": 1]],
            ["type": "tool_use", "id": "toolu_2", "name": "wait"],
        ]
        let results: JSON = [
            ["type": "text", "text": "And?"],
            ["type": "tool_result", "tool_use_id": "toolu_2", "content": "late", "is_error": true],
            [
                "type": "tool_result", "tool_use_id": "toolu_1",
                "content": [["type": "text", "text": "a"], ["type": "document", "title": "T", "source": ["type": "text", "data": "b"]]],
            ],
        ]
        let found = try messages(
            [
                ["role": "user", "content": "Hi"], ["role": "user", "content": [["type": "text", "text": "there"]]],
                ["role": "assistant", "content": calls], ["role": "user", "content": results], ["role": "user", "content": "Go on."],
                ["role": "system", "content": "Be brief."], ["role": "user", "content": "Now."],
            ], system: [["type": "text", "text": "One."], ["type": "text", "text": "Two."]])
        #expect(found.map(\.role) == [.system, .user, .assistant, .tool, .tool, .user, .system, .user])
        #expect(
            found.map(\.content) == [
                ["One.", "Two."], ["Hi", "there"], ["I look."], ["Error:\nlate"], ["a\nT\nb"], ["And?", "Go on."], ["Be brief."], ["Now."],
            ])
        #expect(found.compactMap(\.toolCallID) == ["toolu_2", "toolu_1"])
        let made = try #require(found[2].toolCalls?.arrayValue)
        #expect(made.map { $0["id"] } == ["toolu_1", "toolu_2"])
        #expect(made.map { $0["function"]?["arguments"] } == [#"{"at":"é","n":1}"#, "{}"])
    }

    /// The ID of a call that another server made is shown in the form of the API, and sent to the model in its own form.
    @Test(arguments: ["call_1", "own", "functions.get:0", "toolu_own_x", "9b2", "é"]) func callsHaveTheirOwnIDAgain(own: String) throws {
        let translation = try MessageTranslation.answer(["model": "m", "max_tokens": 9, "messages": [["role": "user", "content": "Hi"]]])
        var events = MessageEvents(try MessageRequest(translation.completion, translation), isClamped: false, requestID: "req_1")
        _ = events.push(.call(index: 0, id: own, name: "f"), choice: 0)
        _ = events.finish(Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1), time: 0)
        let block = try #require(events.whole?["content"]?[0])
        let id = try #require(block["id"]?.stringValue)
        #expect(id.hasPrefix("toolu_") && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
        let found = try messages([
            ["role": "user", "content": "Hi"], ["role": "assistant", "content": [block]],
            ["role": "user", "content": [["type": "tool_result", "tool_use_id": .string(id), "content": "1"]]],
        ])
        #expect(found[1].toolCalls?[0]?["id"] == .string(own) && found[2].toolCallID == own)
    }

    @Test(arguments: ["toolu_01A", "toolu_own_", "toolu_own__", "toolu_own_a_g1", "toolu_own__ff", "other"])
    func idsOfAnotherFormStay(id: String) throws {
        let found = try messages([
            ["role": "user", "content": "Hi"],
            ["role": "assistant", "content": [["type": "tool_use", "id": .string(id), "name": "f", "input": [:]]]],
            ["role": "user", "content": [["type": "tool_result", "tool_use_id": .string(id), "content": "1"]]],
        ])
        #expect(found[1].toolCalls?[0]?["id"] == .string(id) && found[2].toolCallID == id)
    }

    @Test(arguments: ["The capital is ", "a\n", "a\t", "a\u{A0}"]) func theBeginningOfAnAnswerEndsWithoutWhiteSpace(text: String) throws {
        let user: JSON = ["role": "user", "content": "Hi"]
        for content in [.string(text), [["type": "text", "text": .string(text)]]] as [JSON] {
            let error = try #require(throws: APIError.self) { try request(["messages": [user, ["role": "assistant", "content": content]]]) }
            #expect(error.status == 400 && error.param == "messages[1].content")
            #expect(error.message.contains("final assistant content cannot end with trailing whitespace"))
            #expect(try messages([user, ["role": "assistant", "content": content], user])[1].content == [.text(text)])
        }
    }

    @Test func blocksOfTextBecomeTexts() throws {
        let blocks: JSON = [
            [
                "type": "document", "title": "T", "context": "C",
                "source": ["type": "content", "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]],
            ],
            ["type": "search_result", "title": "T", "source": "https://a", "content": [["type": "text", "text": "c"]]],
            ["type": "unheard_of", "text": "x"], ["type": "web_search_tool_result", "content": [["url": "u"]]],
        ]
        let found = try request(["messages": [["role": "user", "content": blocks]]])
        #expect(found.chat.conversation.messages.map(\.content) == [["T\nC\na\nb", "T\nhttps://a\nc"]])
        let ignored = try #require(found.ignoredParameters.header)
        #expect(ignored.contains("messages[0].content[2]") && ignored.contains("messages[0].content[3]"))
    }

    @Test func thinkingComesBack() throws {
        let hidden = SealedText.seal("hidden")
        let found = try request([
            "messages": [
                ["role": "user", "content": "Hi"],
                [
                    "role": "assistant",
                    "content": [
                        ["type": "thinking", "thinking": "one", "signature": "of another server"],
                        ["type": "thinking", "thinking": "", "signature": .string(hidden)],
                        ["type": "redacted_thinking", "data": .string(hidden)], ["type": "redacted_thinking", "data": "of another server"],
                        ["type": "text", "text": "Hello"],
                    ],
                ], ["role": "user", "content": "Bye"],
            ]
        ])
        #expect(found.chat.conversation.messages[1].reasoning == "one\nhidden\nhidden")
        #expect(found.chat.conversation.messages[1].content == ["Hello"])
        #expect(found.ignoredParameters.names == ["messages[1].content[3]"])
    }

    @Test func theLastMessageOfAnAssistantIsContinued() throws {
        let found = try request(["messages": [["role": "user", "content": "Hi"], ["role": "assistant", "content": "The answer is"]]])
        #expect(found.chat.conversation.continuation == .content && found.chat.conversation.mustContinue)
        let empty = try request(["messages": [["role": "user", "content": "Hi"], ["role": "assistant", "content": ""]]])
        #expect(empty.chat.conversation.continuation == .no && empty.chat.conversation.messages.count == 1)
    }

    /// Agents send their results again with each request.
    @Test func picturesInResultsDoNotEndTheConversation() throws {
        let blocks: JSON = [
            ["type": "text", "text": "done"], ["type": "image", "source": ["type": "base64", "data": "x"]],
            ["type": "document", "source": ["type": "base64", "data": "x"]],
        ]
        let found = try request([
            "messages": [
                ["role": "user", "content": "Hi"],
                ["role": "assistant", "content": [["type": "tool_use", "id": "i", "name": "read", "input": [:]]]],
                ["role": "system", "content": "Note."],
                ["role": "user", "content": [["type": "tool_result", "tool_use_id": "i", "content": blocks]]],
            ],
            "tools": [["name": "read", "input_schema": ["type": "object"]]],
        ])
        let messages = found.chat.conversation.messages
        #expect(messages.map(\.role) == [.user, .assistant, .tool, .system])
        #expect(messages[2].content == ["done\n[image omitted: this model reads only text]\n[document omitted: this model reads only text]"])
        #expect(found.ignoredParameters.names == ["messages[3].content[0].content[1]", "messages[3].content[0].content[2]"])
    }

    @Test func mistakesInMessagesAreNamed() throws {
        func refused(_ content: JSON, role: JSON = "user") throws -> String { try refusal(["messages": [["role": role, "content": content]]]) }
        #expect(try refusal(["messages": []]) == "400 messages")
        #expect(try refusal(["messages": .null]) == "400 messages")
        #expect(try refusal(["messages": ["Hi"]]) == "400 messages[0]")
        #expect(try refused("Hi", role: "developer") == "400 messages[0].role")
        #expect(try refused(5) == "400 messages[0].content")
        #expect(try refused([["type": "text"]]) == "400 messages[0].content[0].text")
        #expect(try refused([["type": "image", "source": [:]]]) == "400 messages[0].content[0].type")
        #expect(
            try refused([["type": "document", "source": ["type": "base64", "data": "x"]]]) == "400 messages[0].content[0].source.type")
        #expect(try refused([["type": "tool_use", "id": "i", "name": "f", "input": [:]]]) == "400 messages[0].content[0].type")
        #expect(try refused([["type": "tool_use", "id": "i", "name": "f", "input": []]], role: "assistant") == "400 messages[0].content[0].input")
        #expect(try refused([["type": "tool_use", "id": "i", "name": "f", "input": [:]]], role: "assistant") == "400 messages")
        #expect(try refused([["type": "tool_result", "tool_use_id": "i"]]) == "400 messages[0].content[0].tool_use_id")
        #expect(try refusal(["system": 5]) == "400 system")
    }

    // MARK: Tools

    @Test func toolsBecomeFunctions() throws {
        let closed: JSON = ["type": "object", "properties": ["a": ["type": "string"]], "required": ["a"], "additionalProperties": false]
        let found = try request([
            "tools": [
                ["name": "f", "description": "Does f.", "input_schema": closed, "strict": true, "cache_control": ["type": "ephemeral"]],
                ["type": "web_search_20250305", "name": "web_search", "max_uses": 5],
                [
                    "type": "custom", "name": "g", "input_schema": ["type": "object", "properties": ["a": ["type": "string"]]], "strict": true,
                    "input_examples": [["a": "b"]],
                ],
            ]
        ])
        let tools = found.chat.conversation.tools
        #expect(tools.map(\.name) == ["f", "g"] && tools.map(\.isStrict) == [true, false])
        #expect(tools[0].description == "Does f." && tools[0].parameters == closed)
        #expect(found.chat.conversation.toolChoice == ToolChoice(.auto))
        #expect(Set(found.ignoredParameters.names) == ["tools[1]", "tools[2].strict", "tools[].input_examples"])
        #expect(try refusal(["tools": [["name": "f"]]]) == "400 tools[0].input_schema")
        #expect(try refusal(["tools": [["name": "f", "input_schema": ["type": "array"]]]]) == "400 tools[0].input_schema")
        #expect(try refusal(["tools": [["type": "bash_20250124"], ["name": "a b", "input_schema": closed]]]) == "400 tools[1].name")
    }

    private static let choices: [(JSON, ToolChoice, Bool)] = [
        (["type": "auto"], ToolChoice(.auto), true), (["type": "none"], ToolChoice(.none), true), (["type": "any"], ToolChoice(.required), true),
        (["type": "any", "disable_parallel_tool_use": true], ToolChoice(.required), false),
        (["type": "tool", "name": "g"], ToolChoice(.required, names: ["g"], isOneCall: true), false),
    ]

    @Test(arguments: choices) func everyToolChoice(choice: JSON, expected: ToolChoice, isParallel: Bool) throws {
        let tools: JSON = [["name": "f", "input_schema": ["type": "object"]], ["name": "g", "input_schema": ["type": "object"]]]
        let conversation = try request(["tools": tools, "tool_choice": choice]).chat.conversation
        #expect(conversation.toolChoice == expected && conversation.allowsParallelCalls == isParallel)
    }

    @Test func aChoiceOfToolsThatAreNotThere() throws {
        let others: JSON = [["type": "web_search_20250305", "name": "web_search"]]
        for choice in [["type": "any"], ["type": "tool", "name": "web_search"]] as [JSON] {
            let found = try request(["tools": others, "tool_choice": choice])
            #expect(found.chat.conversation.toolChoice == ToolChoice(.none))
            #expect(found.ignoredParameters.names == ["tool_choice", "tools[0]"])
        }
        #expect(try request(["tool_choice": ["type": "auto"]]).chat.conversation.toolChoice == ToolChoice(.none))
        #expect(try refusal(["tool_choice": ["type": "any"]]) == "400 tool_choice")
        #expect(try refusal(["tool_choice": ["type": "must"]]) == "400 tool_choice.type")
        #expect(
            try refusal(["tools": [["name": "f", "input_schema": [:]]], "tool_choice": ["type": "tool", "name": "g"]]) == "400 tool_choice")
    }

    // MARK: Reasoning, format and limits

    @Test func thinkingHasALimit() throws {
        let enabled = try request(["thinking": ["type": "enabled", "budget_tokens": 2000]]).chat
        #expect(enabled.thinkingBudget == 2000 && enabled.conversation.thinks == true)
        let adaptive = try request(["thinking": ["type": "adaptive"], "output_config": ["effort": "low"]]).chat
        #expect(adaptive.thinkingBudget == 1024 && adaptive.conversation.thinks == true)
        #expect(try request(["output_config": ["effort": "max"]]).chat.thinkingBudget == nil)
        let disabled = try request(["thinking": ["type": "disabled"], "output_config": ["effort": "high"]])
        #expect(disabled.chat.thinkingBudget == 0 && disabled.chat.conversation.thinks == false)
        #expect(disabled.ignoredParameters.names == ["output_config.effort"])
        let unknown = try request(["thinking": ["type": "between_tools"]])
        #expect(unknown.chat.conversation.thinks == nil && unknown.ignoredParameters.names == ["thinking.type"])
        #expect(try request([:]).chat.conversation.thinks == nil)
        #expect(try refusal(["thinking": ["type": "enabled", "budget_tokens": -1]]) == "400 thinking.budget_tokens")
        #expect(try refusal(["output_config": ["effort": "enormous"]]) == "400 output_config.effort")
    }

    @Test func formatsBecomeSchemas() throws {
        let format: JSON = ["type": "json_schema", "schema": ["type": "object"]]
        for fields in [["output_config": ["format": format]], ["output_format": format]] as [JSONObject] {
            let chat = try request(fields).chat
            #expect(chat.conversation.responseSchema == ["type": "object"] && !chat.conversation.isResponseStrict)
        }
        #expect(try refusal(["output_config": ["format": ["type": "text"]]]) == "400 output_config.format.type")
        #expect(try refusal(["output_config": ["format": ["type": "json_schema"]]]) == "400 output_config.format.schema")
    }

    @Test func limitsAndSampling() throws {
        let chat = try request([
            "max_tokens": 20, "stop_sequences": ["a", "", "b", "c", "d", "e"], "temperature": 0.5, "top_p": 0.25, "top_k": 7, "seed": 3,
            "keep_alive": "5m",
        ])
        #expect(chat.chat.maximumTokens == 20 && chat.chat.clampsMaximumTokens)
        #expect(chat.chat.stops == ["a", "b", "c", "d", "e"])
        #expect(chat.chat.sampling.temperature == 0.5 && chat.chat.sampling.topP == 0.25 && chat.chat.sampling.topK == 7)
        #expect(chat.chat.sampling.seed == 3 && chat.keepAlive == .seconds(300) && chat.ignoredParameters.isEmpty)
        #expect(try refusal(["max_tokens": .null]) == "400 max_tokens")
        #expect(try refusal(["max_tokens": 0]) == "400 max_tokens")
        #expect(try refusal(["temperature": 1.5]) == "400 temperature")
        #expect(try refusal(["top_p": 2]) == "400 top_p")
        #expect(try refusal(["stop_sequences": "a"]) == "400 stop_sequences")
        #expect(try refusal(["stop_sequences": ["a", 5]]) == "400 stop_sequences[1]")
        #expect(try refusal(["stream": "yes"]) == "400 stream")
        #expect(try refusal(["model": .null]) == "400 model")
    }

    @Test func aPresetAppliesToMessages() throws {
        let preset = RequestPreset(defaults: ["temperature": 0, "stop": ["z"]], forced: ["seed": 4, "max_tokens": 5])
        let chat = try request(["stop_sequences": ["a", "b", "c", "d", "e"]], preset: preset).chat
        #expect(chat.sampling.temperature == 0 && chat.sampling.seed == 4 && chat.maximumTokens == 5 && chat.stops.count == 5)
        #expect(try request([:], preset: preset).chat.stops == ["z"])
        let forced = RequestPreset(forced: ["stop": ["z"]])
        #expect(try request(["stop_sequences": ["a"]], preset: forced).chat.stops == ["z"])
    }

    @Test func whatIsUnknownIsReported() throws {
        let found = try request([
            "context_management": ["edits": []], "metadata": ["user_id": "u"], "service_tier": "auto", "speed": "standard", "invented": 1,
            "thread": ["type": "create"], "mcp_servers": [],
        ])
        #expect(Set(found.ignoredParameters.names) == ["context_management", "invented", "thread"])
    }

    @Test func errorsOfTheModelNameTheClientsFields() throws {
        let found = try request(["tools": [["name": "f", "input_schema": [:]]]])
        #expect(found.error(.badSchema(tool: 0, "bad")).param == "tools[0].input_schema")
        let format: JSON = ["type": "json_schema", "schema": [:]]
        let error = try request(["output_config": ["format": format]]).error(.badSchema(tool: nil, "bad"))
        #expect(error.param == "output_config.format.schema" && error.message.contains("'output_config.format.schema'"))
        #expect(found.error(.contextExceeded(prompt: 9, requested: nil, context: 5)).param == "messages")
    }

    // MARK: The cache

    @Test(arguments: [
        ("x-anthropic-billing-header: cc_version=2.1; cch=1f2e3;", "x-anthropic-billing-header: cc_version=2.1; cch=00000;"),
        ("x-anthropic-billing-header: cch=12\nYou are cch=5;", "x-anthropic-billing-header: cch=00000\nYou are cch=5;"),
        ("x-anthropic-billing-header: cch=; more", "x-anthropic-billing-header: cch=00000; more"),
        ("x-anthropic-billing-header: none\ncch=12;", "x-anthropic-billing-header: none\ncch=12;"),
        ("You are x-anthropic-billing-header: cch=12;", "You are x-anthropic-billing-header: cch=12;"), ("", ""),
    ])
    func theBillingHeaderIsConstant(text: String, stable: String) throws {
        let plain = try request(["system": .string(text)]).chat.conversation.messages[0]
        #expect(plain.content == [.text(stable)])
        let blocks: JSON = [["type": "text", "text": .string(text)], ["type": "text", "text": "You are Claude Code."]]
        #expect(try request(["system": blocks]).chat.conversation.messages[0].content == [.text(stable), "You are Claude Code."])
        #expect(try messages([["role": "user", "content": .string(text)]])[0].content == [.text(text)], "other texts stay as they are")
    }
}
