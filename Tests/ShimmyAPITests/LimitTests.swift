import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Limits of requests, and decoding time proportional to their size.
@Suite struct LimitTests {
    private func chat(_ fields: JSONObject) throws -> ChatCompletionRequest {
        var request: JSONObject = ["model": "m", "messages": [["role": "user", "content": "a"]]]
        for (name, value) in fields { request[name] = value }
        return try ChatCompletionRequest(.object(request))
    }

    private func error(_ fields: JSONObject) -> APIError? {
        do {
            _ = try chat(fields)
            return nil
        } catch {
            return error as? APIError
        }
    }

    // MARK: Messages

    @Test func aMessageRepeatsOnlyPartsOfALongText() throws {
        let long = String(repeating: "v", count: 500_000)
        let value = APIError.invalidValue(.key("role"), long, supported: ["user", "tool"])
        #expect(value.message.hasSuffix("vvv'. Supported values are: 'user', 'tool'.") && value.message.utf8.count < 400)
        let errors: [APIError] = [
            .unknownModel(long), .missing(.key(long)), .wrongType(.key(long), expected: "a string", got: 1),
            APIError(.badSchema(tool: 0, "at '/\(long)': no")), APIError(.badGrammar(field: "grammar", "there is no rule '\(long)'")),
            APIError(.templateRefused(long)), .unsupportedValue(.key("a"), long, supported: [long]),
        ]
        for error in errors {
            #expect(error.json.text.utf8.count < 4_000, "\(error.message.prefix(100))")
            #expect(error.message.contains("…"))
        }
        #expect(try #require(APIError.unknownModel(long).missingModel).utf8.count < 300)
    }

    // MARK: Fields without effect

    @Test func manyFieldsWithoutEffectMakeAShortHeader() throws {
        var fields = JSONObject()
        for number in 0..<20_000 { fields["unknown\(number)"] = 1 }
        let header = try #require(try chat(fields).ignoredParameters.header)
        #expect(header.hasPrefix("unknown0, unknown1, ") && header.hasSuffix(", and 19968 more"))
        #expect(header.utf8.count < 4096)
    }

    @Test func namesInTheHeaderAreVisibleASCII() throws {
        let ignored = try chat(["é,\u{0} x\r\ny": 1, .init(repeating: "a", count: 1000): 2]).ignoredParameters
        let header = try #require(ignored.header)
        #expect(header == "????x??y, " + String(repeating: "a", count: 64))
    }

    @Test func aNameIsReportedOnce() {
        var ignored: ReportedNames = ["a", "b"]
        ignored += ["b", "c"]
        #expect(ignored == ["a", "b", "c"] && ignored.header == "a, b, c")
        #expect(ReportedNames().header == nil)
    }

    @Test func unknownFieldsOfNestedObjectsAreReported() throws {
        let request = try chat([
            "messages": [
                ["role": "user", "content": [["type": "text", "text": "a", "cache": 1]], "x": 1],
                ["role": "user", "content": "b", "x": .null, "y": 2],
            ],
            "tools": [
                ["type": "function", "function": ["name": "f", "extra": 1, "parameters": ["type": "object", "any": 1]], "z": 1],
                ["type": "web_search", "size": 1],
            ],
            "stream": true, "stream_options": ["include_usage": true, "every": 5], "response_format": ["type": "text", "more": 1],
            "chat_template_kwargs": ["anything": 1], "metadata": [:],
        ])
        #expect(
            request.ignoredParameters == [
                "messages[].content[].cache", "messages[].x", "messages[].y", "tools[].function.extra", "tools[].z", "stream_options.every",
                "response_format.more", "tools[1]",
            ])
    }

    @Test func whatOpenAIsAnswersHaveIsNotReported() throws {
        let echoed: JSON = [
            "role": "assistant", "content": .null, "refusal": .null, "annotations": [],
            "tool_calls": [["id": "c", "type": "function", "function": ["name": "f", "arguments": "{}"]]],
        ]
        #expect(try chat(["messages": [echoed, ["role": "tool", "tool_call_id": "c", "content": "1"]]]).ignoredParameters.isEmpty)
    }

    // MARK: Counts

    private func tools(_ count: Int) -> JSON {
        .array((0..<count).map { ["type": "function", "function": ["name": .string("f\($0)")]] })
    }

    @Test func toolsHaveABound() throws {
        let most = InputLimits.standard.tools
        #expect(try chat(["tools": tools(most)]).chat.conversation.tools.count == most)
        let refused = error(["tools": tools(most + 1)])
        #expect(refused?.param == "tools" && refused?.code == "array_above_max_length")
        let twins = error(["tools": .array((tools(2).arrayValue ?? []) + (tools(1).arrayValue ?? []))])
        #expect(twins?.param == "tools[2].function.name")
    }

    @Test func messagesHaveABound() {
        let messages = [JSON](repeating: ["role": "user", "content": "a"], count: InputLimits.standard.messages + 1)
        let refused = error(["messages": .array(messages)])
        #expect(refused?.param == "messages" && refused?.code == "array_above_max_length")
    }

    @Test func itemsHaveABound() throws {
        let items = [JSON](repeating: ["role": "user", "content": "a"], count: InputLimits.standard.messages + 1)
        let error = try #require(throws: APIError.self) { try ResponseRequest(["model": "m", "input": .array(items)]) }
        #expect(error.param == "input" && error.code == "array_above_max_length")
    }

    @Test func aPredictionHasABound() {
        let text = String(repeating: "a", count: InputLimits.standard.predictionBytes + 1)
        #expect(error(["prediction": ["type": "content", "content": .string(text)]])?.code == "string_above_max_length")
    }

    @Test func argumentsOfCallsHaveTheBoundsOfABody() {
        let values = "[" + String(repeating: "0,", count: InputLimits.standard.jsonValues) + "0]"
        let refused = error([
            "messages": [["role": "assistant", "tool_calls": [["id": "c", "function": ["name": "f", "arguments": .string(values)]]]]]
        ])
        #expect(refused?.code == "limit_exceeded" && refused?.param == "messages[0].tool_calls[0].function.arguments")
    }

    @Test func boundsOfJSONAreNamed() throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse("[1,2]", limits: JSONLimits(values: 1)) }
        let refusal = APIError.malformedJSON(error)
        #expect(refusal.status == 400 && refusal.code == "limit_exceeded" && refusal.message.contains("more than 1 values"))
        let wrong = try #require(throws: JSONError.self) { try JSON.parse("[1,") }
        #expect(APIError.malformedJSON(wrong).code == nil)
    }

    // MARK: Truncation

    private func item(_ meaning: ResponseItem.Meaning, _ number: Int = 0) -> ResponseItem {
        ResponseItem(id: "i\(number)", meaning: meaning, json: .null)
    }

    /// A model may write deeper arguments than a request body may contain, and its client sends them back.
    @Test func deepArgumentsOfAnEarlierCallAreText() throws {
        let deep = #"{"a": "# + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}"
        let call: JSON = ["id": "c", "type": "function", "function": ["name": "f", "arguments": .string(deep)]]
        let request = try chat([
            "messages": [["role": "user", "content": "a"], ["role": "assistant", "content": .null, "tool_calls": [call]]]
        ])
        #expect(request.chat.conversation.messages[1].toolCalls?[0]?["function"]?["arguments"]?.stringValue == JSON.string(deep).text)
    }

    @Test func theOldestItemsGoAndInstructionsStay() {
        let items = [
            item(.message(.system, ["be kind"]), 0), item(.message(.user, [.text(String(repeating: "a", count: 100))]), 1),
            item(.call(id: "c", name: "f", arguments: "{}"), 2), item(.output(callID: "c", ["1"]), 3), item(.message(.user, ["b"]), 4),
        ]
        #expect(ItemTruncation.dropping(items, excess: 1, of: 1000)?.map(\.id) == ["i0", "i2", "i3", "i4"])
        #expect(ItemTruncation.dropping(items, excess: 900, of: 1000)?.map(\.id) == ["i0", "i4"])
        #expect(ItemTruncation.dropping([items[0], items[4]], excess: 900, of: 1000) == nil)
        // The last item is an output, which needs its call.
        #expect(ItemTruncation.dropping([items[2], items[3]], excess: 1, of: 2) == nil)
    }

    @Test func eachAttemptDropsMore() throws {
        let items = (0..<1000).map { item(.message(.user, ["word"]), $0) }
        let first = try #require(ItemTruncation.dropping(items, excess: 1, of: 1000))
        let later = try #require(ItemTruncation.dropping(items, excess: 1, of: 1000, attempt: 5))
        #expect(items.count - first.count == 1 && items.count - later.count == 32)
        #expect(ItemTruncation.dropping(items, excess: 1, of: 1, attempt: .max)?.count == 1)
    }

    @Test func manyItemsAreDroppedInOnePass() throws {
        let items = (0..<100_000).map {
            item($0 % 2 == 0 ? .call(id: "c\($0)", name: "f", arguments: "{}") : .output(callID: "c\($0 - 1)", ["1"]), $0)
        }
        let rest = try #require(ItemTruncation.dropping(items + [item(.message(.user, ["b"]))], excess: 99, of: 100))
        #expect(rest.count < 2000)
    }
}
