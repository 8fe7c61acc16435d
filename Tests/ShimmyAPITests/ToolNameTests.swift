import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The names of tools that each API allows.
@Suite struct ToolNameTests {
    private static let long = String(repeating: "n", count: 128)

    private func openAI(_ name: String) throws -> [Tool] {
        try ChatCompletionRequest([
            "model": "m", "messages": [["role": "user", "content": "a"]],
            "tools": [["type": "function", "function": ["name": .string(name)]]],
        ]).chat.conversation.tools
    }

    private func anthropic(_ name: String) throws -> [Tool] {
        let translation = try MessageTranslation.answer([
            "model": "m", "max_tokens": 1, "messages": [["role": "user", "content": "a"]],
            "tools": [["name": .string(name), "input_schema": ["type": "object"]]],
        ])
        return try MessageRequest(translation.completion, translation).chat.conversation.tools
    }

    private func responses(_ tool: JSON) throws -> [Tool] {
        try ResponseRequest(["model": "m", "input": "a", "tools": [tool]]).chat.conversation.tools
    }

    private func ollama(_ names: [String], _ messages: [JSON] = [["role": "user", "content": "a"]]) throws -> OllamaRequest {
        try OllamaRequest(chat: [
            "model": "m", "messages": .array(messages), "tools": .array(names.map { ["function": ["name": .string($0)]] }),
        ])
    }

    private func chat(_ request: OllamaRequest) throws -> Conversation {
        guard case .chat(let chat, _) = request.work else { throw APIError(status: 500, message: "no chat") }
        return chat.conversation
    }

    @Test func openAIAllows64Characters() throws {
        #expect(try openAI(String(Self.long.prefix(64))).count == 1)
        for name in [String(Self.long.prefix(65)), "fs.read", ""] {
            let error = try #require(throws: APIError.self) { try openAI(name) }
            #expect(error.param == "tools[0].function.name" && error.message.contains("{1,64}$"))
        }
    }

    @Test func anthropicAllows128Characters() throws {
        #expect(try anthropic(Self.long).map(\.name) == [Self.long])
        for name in [Self.long + "n", "fs.read"] {
            let error = try #require(throws: APIError.self) { try anthropic(name) }
            #expect(error.param == "tools[0].name" && error.message.contains("{1,128}$"))
        }
    }

    @Test func responsesAllow128Characters() throws {
        let tool: JSON = ["type": "function", "name": .string(Self.long)]
        #expect(try responses(tool).map(\.name) == [Self.long])
        let space: JSON = ["type": "namespace", "name": .string(Self.long), "tools": [tool]]
        #expect(try responses(space).map(\.name) == [Self.long + "__" + Self.long])
        let item: JSON = ["type": "additional_tools", "role": "developer", "tools": [tool]]
        #expect(try InputItem.input(in: ["input": [item]])?.count == 1)
        for name in [Self.long + "n", "fs.read", ""] {
            let error = try #require(throws: APIError.self) { try responses(["type": "function", "name": .string(name)]) }
            #expect(error.param == "tools[0].name" && error.message.contains("{1,128}$"))
        }
    }

    @Test func ollamaAllowsAnyName() throws {
        let names = ["fs.read", "fs/read", "fs_read", "é", Self.long + "n", "plain-1"]
        let request = try ollama(names)
        let tools = try chat(request).tools.map(\.name)
        #expect(tools[0] == "fs_read_2" && tools[1] == "fs_read_3" && tools[2] == "fs_read" && tools[5] == "plain-1")
        #expect(Set(tools).count == names.count && tools.allSatisfy { $0.utf8.count <= 128 })
        for (tool, name) in zip(tools, names) {
            var dialect = OllamaDialect(OllamaAnswer(to: request), streams: true, moments: OllamaMoments(arrived: .now, loaded: .now))
            _ = dialect.push(.call(index: 0, id: "c", name: tool), choice: 0)
            _ = dialect.push(.arguments(index: 0, "{}"), choice: 0)
            let value = try #require(dialect.push(FinishReason.toolCalls, choice: 0).first)
            #expect(value["message"]?["tool_calls"]?[0]?["function"]?["name"] == .string(name))
        }
    }

    @Test func earlierCallsHaveTheSameNames() throws {
        let request = try ollama(
            ["mcp/tool"],
            [
                ["role": "user", "content": "a"],
                ["role": "assistant", "tool_calls": [["function": ["name": "mcp/tool"]], ["function": ["name": "gone.tool"]]]],
                ["role": "tool", "tool_name": "gone.tool", "content": "2"], ["role": "tool", "tool_name": "mcp/tool", "content": "1"],
            ])
        let messages = try chat(request).messages
        #expect(messages[1].toolCalls?.arrayValue?.map { $0["function"]?["name"] } == ["mcp_tool", "gone_tool"])
        #expect(messages[2].name == "gone_tool" && messages[2].toolCallID == "call_2")
        #expect(messages[3].name == "mcp_tool" && messages[3].toolCallID == "call_1")
    }
}
