import ShimmyClient
import ShimmyJSON
import Testing

@Suite struct ToolTests {
    private let weather: JSON = ["name": "weather", "description": "The weather of a city", "parameters": ["type": "object"]]

    @Test func definitionsHaveOneForm() throws {
        let tool: JSON = ["type": "function", "function": weather]
        let (one, many, wrapped) = (try ToolDefinitions(weather), try ToolDefinitions([weather, tool]), try ToolDefinitions([tool]))
        #expect(one.json == [tool] && wrapped.json == [tool] && many.json == [tool, tool])
        #expect(ToolDefinitions.rows(one.json) == [["weather", "The weather of a city"]])
    }

    @Test(arguments: [["description": "nameless"], 1, [["name": ""]], ["text"]] as [JSON])
    func definitionsWithoutANameAreRefused(json: JSON) {
        #expect(throws: ToolDefinitions.Unreadable(description: "tool 1 of the file has no name")) { try ToolDefinitions(json) }
    }

    @Test func aMissingFileIsReported() {
        #expect(throws: ToolDefinitions.Unreadable.self) { try ToolDefinitions(file: "/no/such/file") }
    }

    @Test func callsArriveInParts() {
        let parts: [JSON] = [
            ["index": 0, "id": "call_1", "type": "function", "function": ["name": "weather", "arguments": ""]],
            ["index": 0, "function": ["arguments": "{\"city\":"]], ["index": 0, "function": ["arguments": "\"Paris\"}"]],
            ["index": 1, "id": "call_2", "function": ["name": "time", "arguments": "{}"]],
        ]
        var calls: [ToolCall] = []
        ToolCall.add(["function": ["arguments": "too early"]], to: &calls)
        for part in parts { ToolCall.add(part, to: &calls) }
        let weather = ToolCall(id: "call_1", name: "weather", arguments: "{\"city\":\"Paris\"}")
        #expect(calls == [weather, ToolCall(id: "call_2", name: "time", arguments: "{}")])
        #expect(ToolCall(weather.json) == weather)
    }

    @Test func resultsFollowTheirCalls() throws {
        var session = ChatSession(model: "m")
        session.tools = try ToolDefinitions(weather).json
        let call = ToolCall(id: "call_1", name: "weather", arguments: "{}")
        session.ask("Rain?")
        session.answered("", calls: [call])
        session.returned("Yes.", of: call)
        let request = session.request()
        #expect(request["tools"] == .array(session.tools))
        #expect(request["messages"]?[1] == ["role": "assistant", "content": "", "tool_calls": [call.json]])
        #expect(request["messages"]?[2] == ["role": "tool", "content": "Yes.", "tool_call_id": "call_1"])
        var restored = ChatSession(model: "m")
        _ = try restored.restore(session.saved)
        #expect(restored.messages == session.messages)
        session.answered("It rains.")
        #expect(session.messages.count == 4)
    }

    @Test func callsWithoutResultsAreDroppedWithTheirQuestion() {
        let call = ToolCall(id: "call_1", name: "weather", arguments: "{}")
        var session = ChatSession(model: "m")
        session.ask("Hi")
        session.answered("Hello.")
        session.ask("Rain?")
        session.answered("", calls: [call, call])
        session.returned("Yes.", of: call)
        session.dropCalls()
        #expect(session.messages == [.init(.user, "Hi"), .init(.assistant, "Hello.")])
        session.dropCalls()
        #expect(session.messages.count == 2)
        session.ask("Rain?")
        session.answered("", calls: [call])
        session.returned("Yes.", of: call)
        session.answered("")
        #expect(session.messages.count == 2)
    }
}
