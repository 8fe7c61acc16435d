import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// Calls that a token limit cut off, and several results of one call, in the messages of each API.
@Suite struct ChatCallTests {
    private func chat(_ messages: String) throws -> Conversation {
        try ChatCompletionRequest(try JSON.parse(#"{"model": "m", "messages": \#(messages)}"#)).chat.conversation
    }

    private static func call(_ id: String, _ arguments: String) -> String {
        #"{"id": "\#(id)", "type": "function", "function": {"name": "f", "arguments": \#(JSON.string(arguments).text)}}"#
    }

    private static func history(_ calls: String, _ rest: String = "") -> String {
        #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "I look.", "tool_calls": [\#(calls)]}\#(rest)]"#
    }

    @Test(arguments: [#"{"city"#, #"{"city": "Ber"#, #"{"n": 1"#, "[tru", "\"\\u12", #"{"a": "\ud83d"#])
    func anUnansweredCallThatWasCutOffIsLeftOut(arguments: String) throws {
        let next = #", {"role": "user", "content": "Go on."}"#
        let conversation = try chat(Self.history(Self.call("c1", arguments), next))
        #expect(conversation.normalizations == [.omittedCalls])
        #expect(conversation.messages.map(\.role) == [.user, .assistant, .user] && conversation.messages[1].toolCalls == nil)
        #expect(try conversation.messages.withOrderedToolResults().count == 3)
    }

    @Test func onlyTheCutCallIsLeftOut() throws {
        let calls = Self.call("c1", "{}") + ", " + Self.call("c2", #"{"a": "#)
        let rest = #", {"role": "tool", "tool_call_id": "c1", "content": "1"}"#
        let conversation = try chat(Self.history(calls, rest))
        #expect(conversation.normalizations == [.omittedCalls])
        #expect(conversation.messages[1].toolCalls?.arrayValue?.map { $0["id"] } == ["c1"])
        #expect(try conversation.messages.withOrderedToolResults().count == 3)
    }

    @Test(arguments: [#"{"a": 1}"#, #"{"a": 1}}"#, "{a}", "nonsense"])
    func otherCallsNeedAResult(arguments: String) throws {
        let conversation = try chat(Self.history(Self.call("c1", arguments), #", {"role": "user", "content": "Go on."}"#))
        #expect(conversation.normalizations.isEmpty)
        #expect(throws: ToolResultError.self) { try conversation.messages.withOrderedToolResults() }
    }

    @Test func aCutCallWithAResultStays() throws {
        for id in [#""tool_call_id": "c1", "#, ""] {
            let conversation = try chat(Self.history(Self.call("c1", #"{"a": "#), #", {"role": "tool", \#(id)"content": "1"}"#))
            #expect(conversation.normalizations.isEmpty && conversation.messages[1].toolCalls != nil)
        }
    }

    @Test func aMessageWithNothingElseIsDropped() throws {
        let conversation = try chat(
            #"[{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [\#(Self.call("c1", "{"))]}, {"role": "user", "content": "b"}]"#)
        #expect(conversation.messages.map(\.role) == [.user, .user])
    }

    // MARK: Several results

    @Test func aCallHasOneResult() throws {
        let result = #", {"role": "tool", "tool_call_id": "c1", "content": "1"}"#
        let error = try #require(throws: APIError.self) { try chat(Self.history(Self.call("c1", "{}"), result + result)) }
        #expect(error.status == 400 && error.param == "messages[3].tool_call_id" && error.code == "duplicate_item")
        // Clients reuse the IDs of earlier calls.
        let again = #", {"role": "assistant", "tool_calls": [\#(Self.call("c1", "{}"))]}"#
        #expect(try chat(Self.history(Self.call("c1", "{}"), result + again + result)).messages.count == 5)
        let twins = Self.call("c1", "{}") + ", " + Self.call("c1", "{}")
        #expect(try chat(Self.history(twins, result + result)).messages.count == 4)
    }

    @Test func ollamasCallHasOneResult() throws {
        let call: JSON = ["id": "c1", "function": ["name": "f", "arguments": [:]]]
        let result: JSON = ["role": "tool", "tool_call_id": "c1", "content": "1"]
        let body: JSON = [
            "model": "m", "messages": [["role": "user", "content": "a"], ["role": "assistant", "tool_calls": [call]], result, result],
        ]
        let error = try #require(throws: APIError.self) { try OllamaRequest(chat: body) }
        #expect(error.status == 400 && error.param == "messages[3].tool_call_id")
    }

    private func anthropic(_ input: JSON, _ results: [JSON]) throws -> Conversation {
        let use: JSON = ["type": "tool_use", "id": "c1", "name": "f", "input": input]
        let body: JSON = [
            "model": "m", "max_tokens": 9,
            "messages": [
                ["role": "user", "content": "a"], ["role": "assistant", "content": [["type": "text", "text": "I look."], use]],
                ["role": "user", "content": .array(results + [["type": "text", "text": "Go on."]])],
            ],
        ]
        let translation = try MessageTranslation.answer(body)
        return try MessageRequest(translation.completion, translation).chat.conversation
    }

    @Test func anthropicsCallHasOneResult() throws {
        let result: JSON = ["type": "tool_result", "tool_use_id": "c1", "content": "1"]
        #expect(try anthropic([:], [result]).messages.count == 4)
        let error = try #require(throws: APIError.self) { try anthropic([:], [result, result]) }
        #expect(error.status == 400 && error.param == "messages[2].content[1].tool_use_id")
    }

    @Test func anthropicsCutInputIsLeftOut() throws {
        let conversation = try anthropic(#"{"city": "Ber"#, [])
        #expect(conversation.normalizations == [.omittedCalls] && conversation.messages[1].toolCalls == nil)
        #expect(throws: APIError.self) { try anthropic("nonsense", []) }
        #expect(throws: APIError.self) { try anthropic([:], []) }
    }
}
