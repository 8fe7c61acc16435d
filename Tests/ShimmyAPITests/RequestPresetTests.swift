import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

@Suite struct RequestPresetTests {
    private func applied(_ preset: RequestPreset, _ request: JSON, _ endpoint: EndpointRow = Compatibility.chatCompletions) -> (JSON, [String]) {
        preset.applied(to: request, of: endpoint)
    }

    @Test func defaultsFillWhatIsAbsentOrNull() {
        let preset = RequestPreset(defaults: ["temperature": 0.5, "top_p": 0.9, "stop": ["x"]])
        let (request, replaced) = applied(preset, ["model": "m", "temperature": 1, "top_p": .null])
        #expect(request == ["model": "m", "temperature": 1, "top_p": 0.9, "stop": ["x"]])
        #expect(replaced.isEmpty)
    }

    @Test func forcedFieldsReplaceAndAreNamedWhereTheyDo() {
        let preset = RequestPreset(defaults: ["seed": 1], forced: ["temperature": 0, "top_p": 1, "seed": 2, "min_p": 0.1])
        let (request, replaced) = applied(preset, ["temperature": 1, "top_p": 1.0, "min_p": .null])
        #expect(request == ["temperature": 0, "top_p": 1, "seed": 2, "min_p": 0.1])
        #expect(replaced == ["temperature"])
    }

    @Test func theLimitOfTokensHasSeveralNames() {
        let preset = RequestPreset(defaults: ["max_tokens": 9])
        #expect(applied(preset, [:]).0 == ["max_completion_tokens": 9])
        #expect(applied(preset, ["max_tokens": 3]).0 == ["max_tokens": 3])
        #expect(applied(preset, [:], Compatibility.completions).0 == ["max_tokens": 9])
        let forced = RequestPreset(forced: ["max_completion_tokens": 5])
        let (request, replaced) = applied(forced, ["max_tokens": 3])
        #expect(request == ["max_completion_tokens": 5])
        #expect(replaced == ["max_tokens"])
        #expect(applied(forced, ["max_tokens": 3], Compatibility.completions).0 == ["max_tokens": 5])
    }

    @Test func whatAnEndpointDoesNotHaveIsLeftOut() {
        let preset = RequestPreset(defaults: ["reasoning_effort": "low"], forced: ["chat_template_kwargs": ["a": 1]])
        #expect(applied(preset, ["prompt": "x"], Compatibility.completions) == (["prompt": "x"], []))
        #expect(applied(preset, "no object").0 == "no object")
    }

    @Test func theEffortHasSeveralNames() {
        let preset = RequestPreset(defaults: ["reasoning_effort": "low"])
        let off: JSON = ["thinking": ["type": "disabled"]]
        #expect(applied(preset, off).0 == off)
        let (request, replaced) = applied(RequestPreset(forced: ["reasoning_effort": "low"]), off)
        #expect(request == ["reasoning_effort": "low"] && replaced == ["thinking"])
        let others = ["reasoning", "thinking", "think", "thinking_budget", "thinking_budget_tokens"]
        #expect(!others.contains(where: RequestPreset.fields.contains))
    }

    @Test func theBudgetHasSeveralNames() {
        let preset = RequestPreset(defaults: ["reasoning_budget_tokens": 9])
        let forced = RequestPreset(forced: ["reasoning_budget_tokens": 9])
        for name in ["thinking_budget", "thinking_budget_tokens"] {
            let own: JSON = .object([name: 5])
            #expect(applied(preset, own) == (own, []))
            #expect(applied(forced, own) == (["reasoning_budget_tokens": 9], [name]))
        }
        let thinking: JSON = ["thinking": ["type": "enabled", "budget_tokens": 5]]
        #expect(applied(preset, thinking) == (thinking, []))
        let (request, replaced) = applied(forced, thinking)
        #expect(request == ["thinking": ["type": "enabled"], "reasoning_budget_tokens": 9] && replaced == ["thinking"])
        #expect(applied(preset, ["thinking_budget": .null]).0["reasoning_budget_tokens"] == 9)
    }

    @Test func aChoiceOfToolsAppliesToRequestsWithTools() {
        let preset = RequestPreset(defaults: ["tool_choice": "required"], forced: ["parallel_tool_calls": false])
        #expect(RequestPreset.problem(preset.defaults) == nil && RequestPreset.problem(preset.forced) == nil)
        #expect(applied(preset, ["model": "m"]).0 == ["model": "m"])
        #expect(applied(preset, ["tools": []]).0 == ["tools": []])
        let tools: JSON = [["type": "function", "function": ["name": "f"]]]
        #expect(applied(preset, ["tools": tools]).0 == ["tools": tools, "tool_choice": "required", "parallel_tool_calls": false])
        // A client's own mistake is left for the decoder.
        #expect(applied(preset, ["tool_choice": "auto"]).0 == ["tool_choice": "auto"])
    }

    @Test func systemPromptsAndExamplesGoBeforeTheConversation() {
        let example = ChatMessage(.user, "example")
        let preset = RequestPreset(system: "be kind", examples: [example])
        var conversation = Conversation(messages: [ChatMessage(.user, "hi")])
        preset.complete(&conversation)
        #expect(conversation.messages == [ChatMessage(.system, "be kind"), example, ChatMessage(.user, "hi")])
        conversation.messages = [ChatMessage(.developer, "be short"), ChatMessage(.user, "hi")]
        preset.complete(&conversation)
        #expect(conversation.messages == [ChatMessage(.developer, "be short"), example, ChatMessage(.user, "hi")])
    }

    @Test func presetsAreCheckedAsRequestsAre() {
        #expect(RequestPreset.problem(["temperature": 0, "stop": "x", "reasoning_effort": "low"]) == nil)
        #expect(RequestPreset.problem(["temperature": 3])?.param == "temperature")
        #expect(RequestPreset.problem(["top_logprobs": 3])?.param == "top_logprobs")
        let fields = RequestPreset.fields
        #expect(["temperature", "stop", "max_tokens", "seed", "min_p", "reasoning_effort"].allSatisfy(fields.contains))
        #expect(!["model", "messages", "stream", "store", "audio", "messages[].role"].contains(where: fields.contains))
    }
}
