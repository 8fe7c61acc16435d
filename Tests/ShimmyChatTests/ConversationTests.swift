import ShimmyChat
import ShimmyGrammar
import ShimmyJSON
import Testing

/// Reordering of tool results to the order of their calls, and the changes that strict templates need.
@Suite struct ConversationTests {
    private func calls(_ ids: String?...) -> ChatMessage {
        let calls = ids.map { id -> JSON in
            var call: JSONObject = ["type": "function", "function": ["name": "f", "arguments": "{}"]]
            call["id"] = id.map { .string($0) }
            return .object(call)
        }
        return ChatMessage(role: .assistant, content: nil, toolCalls: .array(calls))
    }

    private func result(_ id: String?, _ text: String = "r") -> ChatMessage { ChatMessage(role: .tool, content: [.text(text)], toolCallID: id) }

    private func ids(_ messages: [ChatMessage]) throws -> [String?] { try messages.withOrderedToolResults().map(\.toolCallID) }

    @Test func anAnswersSchemaWithoutTypeDescribesWhatItsKeywordsAreAbout() throws {
        let schema: JSON = ["properties": ["a": ["type": "integer"]], "required": ["a"]]
        let conversation = Conversation(messages: [ChatMessage(.user, "Hi")], responseSchema: schema)
        let expected = try SchemaGrammar(schema, prefix: "answer_", mode: .lenient, types: .ofKeywords).grammar
        let other = try SchemaGrammar(schema, prefix: "answer_", mode: .lenient).grammar
        let held = try HeldSchemas(conversation)
        #expect(held.answer == expected && held.answer != other)
    }

    @Test func resultsComeInTheOrderOfTheirCalls() throws {
        let messages = [ChatMessage(.user, "Hi"), calls("a", "b", "c"), result("c"), result("a"), result("b"), ChatMessage(.user, "And?")]
        #expect(try ids(messages) == [nil, nil, "a", "b", "c", nil])
        let again = messages + [calls("a"), result("a"), ChatMessage(.assistant, "Done."), calls("x", "a"), result("a", "2"), result("x")]
        #expect(try ids(again).suffix(6) == [nil, "a", nil, nil, "x", "a"])
    }

    @Test func answersThatFollowEachOtherGetTheirOwnResults() throws {
        let messages = [ChatMessage(.user, "Hi"), calls("a"), calls("b"), result("b"), result("a"), calls("a"), result("a", "again")]
        let ordered = try messages.withOrderedToolResults()
        #expect(ordered.map(\.toolCallID) == [nil, nil, "a", nil, "b", nil, "a"])
        #expect(ordered.last?.content == ["again"])
    }

    @Test func resultsWithoutIdsBelongToTheCallsInTheirOrder() throws {
        #expect(try ids([ChatMessage(.user, "Hi"), calls("a", "b"), result(nil), result("b")]) == [nil, nil, "a", "b"])
        #expect(try ids([ChatMessage(.user, "Hi"), calls("a", "b"), result(nil), result("a")]) == [nil, nil, "a", "b"])
        #expect(try ids([ChatMessage(.user, "Hi"), calls("a"), result(nil), calls("b"), result(nil)]) == [nil, nil, "a", nil, "b"])
        #expect(try ids([ChatMessage(.user, "Hi"), calls(nil), result(nil)]) == [nil, nil, "unnamed_1"])
        #expect(try ids([ChatMessage(.user, "Hi"), calls(nil, "b"), result("b"), result("")]) == [nil, nil, "unnamed_1", "b"])
        #expect(try ids([ChatMessage(.user, "Hi"), calls(nil, nil), result("b"), result("a")]) == [nil, nil, "b", "a"])
    }

    @Test func missingIdsAreNoticed() throws {
        #expect(![ChatMessage(.user, "Hi"), calls("a"), result("a")].lacksCallIDs)
        #expect([calls("a"), result(nil)].lacksCallIDs && [calls("a", nil), result("a")].lacksCallIDs && [calls(""), result("")].lacksCallIDs)
        let ordered = try [calls(nil, "b"), result("b"), result("x")].withOrderedToolResults()
        #expect(ordered[0].toolCalls?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["x", "b"])
        #expect(ordered.map(\.toolCallID) == [nil, "x", "b"])
    }

    @Test func callsAreSplitWithTheirResults() {
        let messages = [ChatMessage(.user, "a"), calls("x", "y", "z"), result("x", "1"), result("z", "3"), result("z", "4"), ChatMessage(.user, "b")]
        let split = Normalization.splitCalls.applied(to: messages)
        #expect(texts(split) == ["user:a", "assistant:", "tool:1", "assistant:", "assistant:", "tool:3", "tool:4", "user:b"])
        #expect(split.map { $0.toolCalls?.arrayValue?.count } == [nil, 1, nil, 1, 1, nil, nil, nil])
        #expect(Normalization.splitCalls.applied(to: [calls("x"), result("x")]) == [calls("x"), result("x")])
    }

    @Test func theStartOfAnAnswerStaysLast() {
        let messages = [ChatMessage(.user, "a"), ChatMessage(.system, "b"), ChatMessage(.assistant, "c"), ChatMessage(.assistant, "d")]
        #expect(texts(Normalization.movedSystem.applied(to: messages, .content)) == ["user:a", "assistant:c", "user:b", "assistant:d"])
        #expect(texts(Normalization.mergedTurns.applied(to: messages, .content)).suffix(2) == ["system:b", "assistant:c\n\nd"])
        #expect(Normalization.mergedTurns.applied(to: messages, .reasoning) == messages)
    }

    @Test func whatDoesNotBelongTogetherIsRefused() {
        func refusal(_ messages: [ChatMessage], continues: Bool = false) -> String? {
            do {
                _ = try messages.withOrderedToolResults(continues: continues)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(refusal([ChatMessage(.user, "Hi"), result("a")])?.hasPrefix("messages with role 'tool' must be a response") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), calls("a"), result("b")])?.contains("'b'") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), calls("a", "b"), result("a")])?.hasSuffix("response messages: b") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), calls("a"), ChatMessage(.user, "And?")])?.hasSuffix("response messages: a") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), calls("a")], continues: true) == nil)
        #expect(refusal([ChatMessage(.user, "Hi"), calls(nil, nil), result(nil)])?.hasSuffix("response messages: unnamed_2") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), calls(nil), result(nil), result(nil)])?.contains("without 'tool_call_id'") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), result(nil)])?.contains("without 'tool_call_id'") == true)
        #expect(refusal([ChatMessage(.user, "Hi"), ChatMessage(.assistant, "a"), ChatMessage(.user, "b")]) == nil)
    }

    private func texts(_ messages: [ChatMessage]) -> [String] { messages.map { "\($0.role):\($0.texts.joined())" } }

    @Test func systemMessagesAreMergedAndMoved() {
        let messages = [
            ChatMessage(.system, "a"), ChatMessage(.developer, "b"), ChatMessage(.user, "c"), ChatMessage(.system, "d"),
            ChatMessage(.assistant, "e"), ChatMessage(.user, "f"), ChatMessage(.system, "g"),
        ]
        let merged = Normalization.mergedSystem.applied(to: messages)
        #expect(texts(merged) == ["system:a\n\nb", "user:c", "system:d", "assistant:e", "user:f", "system:g"])
        #expect(texts(Normalization.movedSystem.applied(to: merged)) == ["system:a\n\nb", "user:c", "assistant:e", "user:d\n\nf", "user:g"])
        #expect(Normalization.mergedSystem.applied(to: [messages[0], messages[2]]) == [messages[0], messages[2]])
    }

    @Test func neighboursBecomeOneTurn() {
        let call = calls("a")
        let messages = [
            ChatMessage(.user, "a"), ChatMessage(.user, "b"), ChatMessage(.assistant, "c"), call, result("a"), ChatMessage(.assistant, "d"),
            ChatMessage(.assistant, "e"),
        ]
        let merged = Normalization.mergedTurns.applied(to: messages)
        #expect(texts(merged) == ["user:a\n\nb", "assistant:c", "tool:r", "assistant:d\n\ne"])
        #expect(merged[1].toolCalls == call.toolCalls)
    }

    @Test func anAnswerThatNothingAskedForGetsAQuestion() {
        let messages = [ChatMessage(.system, "a"), ChatMessage(.assistant, "b"), ChatMessage(.user, "c")]
        #expect(texts(Normalization.addedUserTurn.applied(to: messages)) == ["system:a", "user:", "assistant:b", "user:c"])
    }
}
