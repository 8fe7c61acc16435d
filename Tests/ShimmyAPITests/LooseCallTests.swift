import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// Calls without results and results without calls in Ollama's API, and the start of an answer in all APIs.
@Suite struct LooseCallTests {
    private static let user: JSON = ["role": "user", "content": "Hi"]
    private static let text: JSON = ["role": "assistant", "content": "I look."]

    private static func call(_ ids: String?..., text: String = "") -> JSON {
        let calls = ids.map { id -> JSON in
            let function: JSON = ["name": "look", "arguments": ["at": 1]]
            return id.map { ["id": .string($0), "function": function] } ?? ["function": function]
        }
        return ["role": "assistant", "content": .string(text), "tool_calls": .array(calls)]
    }

    private static func result(_ id: String? = nil, name: String? = nil) -> JSON {
        var object: JSONObject = ["role": "tool", "content": "sunny"]
        object["tool_call_id"] = id.map(JSON.string)
        object["tool_name"] = name.map(JSON.string)
        return .object(object)
    }

    private func chat(_ messages: [JSON]) throws -> Conversation {
        guard case .chat(let chat, _) = try OllamaRequest(chat: ["model": "m", "messages": .array(messages)]).work else { throw OtherWork() }
        return chat.conversation
    }

    private struct OtherWork: Error {}

    /// Returns the changes to a conversation in the order of their names, and checks that each result then has its call.
    private func changes(_ messages: [JSON]) throws -> (changes: [Normalization], messages: [ChatMessage]) {
        let conversation = try chat(messages)
        let ordered = try conversation.messages.withOrderedToolResults()
        #expect(ordered == conversation.messages)
        return (conversation.normalizations.sorted { $0.rawValue < $1.rawValue }, conversation.messages)
    }

    @Test func aResultWithoutACallGetsOne() throws {
        let trimmed = try changes([Self.result("gone", name: "look"), Self.text, Self.user])
        #expect(trimmed.changes == [.addedCalls] && trimmed.messages.map(\.role) == [.assistant, .tool, .assistant, .user])
        let call = try #require(trimmed.messages[0].toolCalls?[0])
        #expect(call["function"] == ["name": "look", "arguments": "{}"] && call["id"]?.stringValue == trimmed.messages[1].toolCallID)
        let (added, messages) = try changes([Self.user, Self.text, Self.result()])
        #expect(added == [.addedCalls] && messages.map(\.role) == [.user, .assistant, .tool])
        #expect(messages[1].content == ["I look."] && messages[1].hasCalls && messages[2].content == ["sunny"])
        #expect(try changes([Self.user, Self.result(), Self.result()]).messages.map(\.role) == [.user, .assistant, .tool, .assistant, .tool])
        // A result belongs to a call of its own turn.
        let late = try changes([Self.user, Self.call(nil), Self.user, Self.result()])
        #expect(late.changes == [.addedCalls, .omittedCalls] && late.messages.map(\.role) == [.user, .user, .assistant, .tool])
    }

    @Test func aCallWithoutAResultIsLeftOut() throws {
        for id in [nil, "c1"] {
            let interrupted = try changes([Self.user, Self.call(id), Self.user])
            #expect(interrupted.changes == [.omittedCalls] && interrupted.messages.map(\.role) == [.user, .user])
            let told = try changes([Self.user, Self.call(id, text: "I look."), Self.user])
            #expect(told.messages.map(\.role) == [.user, .assistant, .user] && told.messages[1].toolCalls == nil)
        }
        let half = try changes([Self.user, Self.call("c1", "c2"), Self.result("c2"), Self.user])
        #expect(half.changes == [.omittedCalls] && half.messages[1].toolCalls?.arrayValue?.map { $0["id"] } == ["c2"])
        // A later call does not take the place of the interrupted one.
        let next = try changes([Self.user, Self.call(nil), Self.user, Self.call(nil), Self.result()])
        #expect(next.changes == [.omittedCalls] && next.messages.map(\.role) == [.user, .user, .assistant, .tool])
    }

    @Test func aForeignIDBelongsToTheOpenCall() throws {
        let (matched, messages) = try changes([Self.user, Self.call("c1"), Self.result("other"), Self.user])
        #expect(matched == [.matchedResults] && messages[2].toolCallID == "c1")
        #expect(try changes([Self.user, Self.call("c1"), Self.result("c1"), Self.user]).changes.isEmpty)
    }

    @Test func otherAPIsAreStrict() throws {
        let call: JSON = ["id": "c1", "type": "function", "function": ["name": "f", "arguments": "{}"]]
        let histories: [[JSON]] = [
            [Self.user, ["role": "assistant", "tool_calls": [call]], Self.user], [Self.user, ["role": "tool", "tool_call_id": "x", "content": "1"]],
        ]
        for messages in histories {
            let conversation = try ChatCompletionRequest(["model": "m", "messages": .array(messages)]).chat.conversation
            #expect(conversation.normalizations.isEmpty)
            #expect(throws: ToolResultError.self) { try conversation.messages.withOrderedToolResults() }
        }
    }

    // MARK: The start of an answer

    @Test(arguments: [
        ("It is ", "It is", true), ("It is   ", "It is", true), ("It is", "It is", false), ("It is \n", "It is \n", false), ("é \n ", "é \n", true),
    ])
    func spacesAtTheEndOfAStartAreRemoved(text: String, kept: String, isChanged: Bool) throws {
        let messages: [JSON] = [Self.user, ["role": "assistant", "content": .string(text)]]
        let openAI = try ChatCompletionRequest(["model": "m", "messages": .array(messages)]).chat.conversation
        for conversation in [openAI, try chat(messages)] {
            #expect(conversation.messages.last?.content == [.text(kept)] && conversation.continuation == .content)
            #expect(conversation.normalizations == (isChanged ? [.trimmedStart] : []))
        }
        let complete = try chat(messages + [Self.user])
        #expect(complete.messages[1].content == [.text(text)] && complete.normalizations.isEmpty)
    }

    @Test func aStartOfSpacesIsNone() throws {
        let conversation = try chat([Self.user, ["role": "assistant", "content": "  "]])
        #expect(conversation.messages.count == 1 && conversation.continuation == .no)
        let reasoning = try chat([Self.user, ["role": "assistant", "content": "", "thinking": "I think "]])
        #expect(reasoning.messages.last?.reasoning == "I think" && reasoning.continuation == .reasoning)
    }

    // MARK: Errors

    @Test(arguments: [API.anthropic, .ollama, .llamaServer]) func anErrorNamesItsField(api: API) {
        func text(_ error: APIError) -> String {
            let body = api.errors.body(of: error, requestID: "")["error"]
            return body?.stringValue ?? body?["message"]?.stringValue ?? ""
        }
        let path = JSONPath.key("tool_choice").key("type")
        let unnamed = APIError.invalidValue(path, "x", supported: ["auto"])
        #expect(text(unnamed) == "tool_choice.type: Invalid value: 'x'. Supported values are: 'auto'.")
        let named = APIError.missing(path)
        #expect(text(named) == named.message)
        #expect(!unnamed.message.contains("tool_choice"))
    }
}
