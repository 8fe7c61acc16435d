import ShimmyAPI
import ShimmyJSON
import Testing

/// Stored objects in OpenAI's formats, and the queries for them.
@Suite struct StateTests {
    @Test func aStoredMessageHasATextHoweverItCame() {
        let plain = StoredChatEncoder.message(["role": "user", "content": "hi", "id": "theirs"], id: "c-0")
        #expect(plain == ["id": "c-0", "role": "user", "content": "hi", "refusal": .null, "name": .null, "content_parts": .null])
        let parts: JSON = [["type": "text", "text": "a"], ["type": "refusal", "refusal": "b"]]
        let other = StoredChatEncoder.message(["role": "assistant", "content": parts, "name": "n", "tool_calls": []], id: "c-1")
        #expect(other["content"] == "a\nb" && other["content_parts"] == parts)
        #expect(other["name"] == "n" && other["tool_calls"] == [])
        let silent = StoredChatEncoder.message(["role": "assistant"], id: "c-2")
        #expect(silent["content"] == .null && silent["content_parts"] == .null)
    }

    @Test func onlyWhatIsStoredHasMetadata() throws {
        let body: JSON = ["model": "m", "messages": [["role": "user", "content": "a"]], "store": true, "metadata": ["k": "v"]]
        let stored = try #require(try ChatCompletionRequest(body).stored)
        #expect(stored.metadata == ["k": "v"] && stored.messages == [["role": "user", "content": "a"]])
        var members = try #require(body.objectValue)
        members["store"] = false
        let error = try #require(throws: APIError.self) { try ChatCompletionRequest(.object(members)) }
        #expect(error.param == "metadata" && error.status == 400)
        members["metadata"] = .null
        #expect(try ChatCompletionRequest(.object(members)).stored == nil)
    }

    @Test func queriesAreReadAsClientsWriteThem() throws {
        let query = QueryReader([
            ("include[]", "a"), ("include", "b"), ("include[1]", "c"), ("metadata[x]", "1"), ("metadata[y z]", "2"), ("meta", "3"),
        ])
        #expect(query.list("include") == ["a", "b", "c"])
        #expect(query.members("metadata").map(\.key) == ["x", "y z"])
        #expect(query.members("metadata").map(\.value) == ["1", "2"])
    }

    @Test func whatWasNotAskedForIsNotShown() throws {
        let thought: JSON = ["type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "secret"]
        let message: JSON = [
            "type": "message", "role": "assistant",
            "content": [["type": "output_text", "text": "hi", "logprobs": [["token": "hi"]]], ["type": "refusal", "refusal": "no"]],
        ]
        let little = try ItemIncludes(QueryReader([]))
        #expect(little.shown(thought) == ["type": "reasoning", "id": "rs_1", "summary": []])
        #expect(little.shown(message)["content"]?[0]?["logprobs"] == [])
        #expect(little.shown(message)["content"]?[1] == ["type": "refusal", "refusal": "no"])
        let names = ["reasoning.encrypted_content", "message.output_text.logprobs", "file_search_call.results"]
        let much = try ItemIncludes(QueryReader(names.map { ("include[]", $0) }))
        #expect(much.shown(thought) == thought && much.shown(message) == message)
        #expect(throws: APIError.self) { try ItemIncludes(QueryReader([("include", "everything")])) }
    }

    @Test func aConversationTakesTwentyItemsAtOnce() throws {
        let item: JSON = ["role": "user", "content": "a"]
        #expect(try ConversationRequest([:]) == ConversationRequest(["items": .null, "metadata": .null]))
        #expect(try ConversationRequest(["items": .array(Array(repeating: item, count: 20))]).items.count == 20)
        let error = try #require(throws: APIError.self) { try ConversationItemsRequest(["items": .array(Array(repeating: item, count: 21))]) }
        #expect(error.code == "array_above_max_length" && error.param == "items")
    }
}
