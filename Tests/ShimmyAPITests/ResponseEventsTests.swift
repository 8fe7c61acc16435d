import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The events of a response, given the parts of an answer.
@Suite struct ResponseEventsTests {
    private static let id = "resp_0123456789ABCDEFGHIJKL"

    private static func machine(
        _ style: ResponseStyle = ResponseStyle(), custom: Set<String> = [], _ request: String = #"{"model": "m", "input": "Hi"}"#
    ) throws -> ResponseEvents {
        var dialect = CallDialect()
        for name in custom { dialect.tools[name] = CalledTool(name, kind: .custom) }
        let object = ResponseObject(id: id, created: 5, request: try ResponseRequest(JSON.parse(request)), isStored: true)
        return ResponseEvents(object, style: style, dialect: dialect)
    }

    private static func types(_ events: [JSON]) -> [String] { events.map { $0["type"]?.stringValue ?? "?" } }

    private static let usage = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 4, reasoningTokens: 2)

    @Test func aMessageHasAllOfItsEvents() throws {
        var machine = try Self.machine()
        var events = machine.begin()
        events += machine.push(.content("Hel"))
        events += machine.push(.content("lo"))
        events += machine.finish(.stop, usage: Self.usage, time: 9)
        #expect(
            Self.types(events) == [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta", "response.output_text.done", "response.content_part.done",
                "response.output_item.done", "response.completed",
            ])
        #expect(events.map { $0["sequence_number"]?.intValue } == Array(0...9))
        #expect(events[0]["response"]?["status"] == "in_progress" && events[0]["response"]?["output"] == [])
        let message: JSON = [
            "id": "msg_0123456789ABCDEFGHIJKL0", "type": "message", "status": "completed", "role": "assistant",
            "content": [["type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"]],
        ]
        #expect(events[8]["item"] == message)
        #expect(events[4]["item_id"] == message["id"] && events[4]["content_index"] == 0 && events[4]["output_index"] == 0)
        #expect(events[5]["delta"] == "lo" && events[6]["text"] == "Hello" && events[6]["logprobs"] == [])
        let last = try #require(events.last?["response"])
        #expect(last == machine.object.json)
        #expect(last["output"] == [message] && last["status"] == "completed" && last["completed_at"] == 9 && last["created_at"] == 5)
        #expect(
            last["usage"] == [
                "input_tokens": 7, "input_tokens_details": ["cached_tokens": 3, "cache_write_tokens": 0], "output_tokens": 4,
                "output_tokens_details": ["reasoning_tokens": 2], "total_tokens": 11,
            ])
    }

    /// Calls of tools with item types of their own are reported when they are complete.
    @Test func callsOfShellsAndPatchesAreToldWhole() throws {
        var machine = try Self.machine()
        let request = try ResponseRequest(
            JSON.parse(
                #"""
                {"model": "m", "input": "Hi", "tools": [{"type": "local_shell"}, {"type": "shell"}, {"type": "apply_patch"},
                 {"type": "tool_search", "execution": "client"},
                 {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [{"type": "function", "name": "find"}]}]}
                """#))
        #expect(request.chat.conversation.tools.map(\.name) == ["local_shell", "shell", "apply_patch", "tool_search", "crm__find"])
        #expect(request.chat.conversation.tools[4].description == "Customers." && request.ignoredParameters.isEmpty)
        machine = ResponseEvents(machine.object, style: ResponseStyle(), dialect: request.dialect)
        var events: [JSON] = []
        for (index, (name, arguments)) in [
            ("local_shell", #"{"command":["ls"]}"#), ("shell", #"{"commands":["a","b"]}"#),
            ("apply_patch", #"{"operation":{"type":"delete_file","path":"a"}}"#), ("tool_search", #"{"query":"q"}"#), ("crm__find", #"{"a":1}"#),
        ].enumerated() {
            events += machine.push(.call(index: index, id: "c\(index)", name: name))
            events += machine.push(.arguments(index: index, String(arguments.prefix(5))))
            events += machine.push(.arguments(index: index, String(arguments.dropFirst(5))))
        }
        events += machine.finish(.stop, usage: Self.usage, time: 9)
        let output = try #require(machine.object.json["output"]?.arrayValue)
        #expect(output.map { $0["type"] } == ["local_shell_call", "shell_call", "apply_patch_call", "tool_search_call", "function_call"])
        #expect(output[0]["action"] == ["type": "exec", "command": ["ls"], "env": [:]] && output[0]["call_id"] == "c0")
        #expect(output[1]["action"] == ["commands": ["a", "b"]] && output[2]["operation"] == ["type": "delete_file", "path": "a"])
        #expect(output[3]["arguments"] == ["query": "q"] && output[3]["execution"] == "client")
        #expect(output[4]["name"] == "find" && output[4]["namespace"] == "crm" && output[4]["arguments"] == #"{"a":1}"#)
        #expect(Set(output.compactMap { $0["id"]?.stringValue }).count == 5 && output.allSatisfy { $0["status"] == "completed" })
        #expect(Self.types(events).filter { $0 == "response.output_item.added" }.count == 5)
        #expect(
            Self.types(events).filter { $0.hasSuffix(".delta") } == [
                "response.function_call_arguments.delta", "response.function_call_arguments.delta",
            ])
        // Clients can send the items back as input.
        for item in output { #expect(try ResponseItem(stored: item).json["call_id"] == item["call_id"]) }
    }

    @Test func aCutCallOfAShellIsIncomplete() throws {
        var dialect = CallDialect()
        dialect.tools["shell"] = CalledTool("shell", kind: .shell)
        var machine = ResponseEvents(try Self.machine().object, style: ResponseStyle(), dialect: dialect)
        _ = machine.push(.call(index: 0, id: "c", name: "shell"))
        _ = machine.push(.arguments(index: 0, #"{"commands":["rm"#))
        _ = machine.finish(.length, usage: Self.usage, time: 9)
        let call = machine.object.json["output"]?[0]
        #expect(call?["status"] == "incomplete" && call?["action"] == ["commands": []], "half a command is none")
    }

    /// The limit can end the answer in the next call before that call has a name.
    @Test(arguments: [
        (#"{"a":1}"#, "completed"), (#"{"a":"#, "incomplete"), (#"{"a":{}"#, "incomplete"), ("", "incomplete"),
    ])
    func onlyACallThatWasCutIsIncomplete(arguments: String, status: String) throws {
        for end in [FinishReason.length, .stop] {
            var machine = try Self.machine()
            _ = machine.push(.call(index: 0, id: "c1", name: "f")) + machine.push(.arguments(index: 0, arguments))
            let events = machine.finish(end, usage: Self.usage, time: 9)
            #expect(machine.object.json["output"]?[0]?["status"]?.stringValue == (end == .length ? status : "completed"))
            #expect(machine.object.json["status"] == (end == .length ? "incomplete" : "completed"))
            #expect(events.last(where: { $0["type"] == "response.output_item.done" })?["item"] == machine.object.output[0])
        }
    }

    @Test func onlyAnInputThatWasCutIsIncomplete() throws {
        for (input, status) in [(#"{"input": "say hi""#, "completed"), (#"{"input": "say"#, "incomplete")] {
            var machine = try Self.machine(custom: ["g"])
            _ = machine.push(.call(index: 0, id: "c1", name: "g")) + machine.push(.arguments(index: 0, input))
            _ = machine.finish(.length, usage: Self.usage, time: 9)
            #expect(machine.object.json["output"]?[0]?["status"]?.stringValue == status)
        }
    }

    @Test func thoughtsCallsAndTextAreItemsOfTheirOwn() throws {
        var machine = try Self.machine(ResponseStyle(sealsThoughts: true), custom: ["g"])
        var events = machine.push(.reasoning("hm"))
        for delta: AnswerDelta in [
            .content("a"), .call(index: 0, id: "c1", name: "f"), .arguments(index: 0, "{\"x\""), .arguments(index: 0, ":1}"),
            .call(index: 1, id: "c2", name: "g"), .arguments(index: 1, "{\"input\": \"say"), .arguments(index: 1, " hi\"}"),
        ] {
            events += machine.push(delta)
        }
        events += machine.finish(.toolCalls, usage: Self.usage, time: 9)
        #expect(
            Self.types(events) == [
                "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.done",
                "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.delta",
                "response.function_call_arguments.done", "response.output_item.done",
                "response.output_item.added", "response.custom_tool_call_input.delta", "response.custom_tool_call_input.delta",
                "response.custom_tool_call_input.done", "response.output_item.done", "response.completed",
            ])
        #expect(events.compactMap { $0["output_index"]?.intValue } == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3])
        let output = machine.object.output
        #expect(output[0]["content"] == [["type": "reasoning_text", "text": "hm"]])
        #expect(output[0]["encrypted_content"]?.stringValue.flatMap(SealedText.open) == "hm")
        #expect(events[15]["name"] == "f" && events[15]["arguments"] == "{\"x\":1}")
        #expect(output[2]["arguments"] == "{\"x\":1}" && output[2]["call_id"] == "c1" && output[2]["id"] == "fc_0123456789ABCDEFGHIJKL2")
        #expect(output[3]["input"] == "say hi" && output[3]["type"] == "custom_tool_call")
        // Clients can send the items back as input.
        #expect(try output.map { try ResponseItem(stored: $0).id } == output.map { $0["id"]?.stringValue })
    }

    @Test func aThoughtCanBeToldAsASummary() throws {
        var machine = try Self.machine(ResponseStyle(summarizesThoughts: true))
        let events = machine.push(.reasoning("hm")) + machine.finish(.stop, usage: Self.usage, time: 9)
        #expect(
            Self.types(events) == [
                "response.output_item.added", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "response.output_item.done",
                "response.completed",
            ])
        #expect(events[2]["summary_index"] == 0 && events[2]["content_index"] == nil)
        #expect(machine.object.output[0]["summary"] == [["type": "summary_text", "text": "hm"]])
        #expect(machine.object.output[0]["encrypted_content"] == nil)
    }

    @Test func logprobsAreToldWithTheirText() throws {
        var machine = try Self.machine(ResponseStyle(tellsLogprobs: true))
        let entry = TokenProbability.Entry(bytes: Array("a".utf8), logprob: -0.5)
        let events = machine.push(.content("a", [TokenProbability(drawn: entry, top: [entry])])) + machine.finish(.stop, usage: Self.usage, time: 9)
        let told: JSON = [
            ["token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [["token": "a", "logprob": -0.5, "bytes": [97]]]]
        ]
        #expect(events[2]["logprobs"] == told && events[3]["logprobs"] == told)
        #expect(machine.object.output[0]["content"]?[0]?["logprobs"] == told)
    }

    @Test func anAnswerOfNothingIsAnEmptyMessage() throws {
        var machine = try Self.machine()
        _ = machine.finish(.stop, usage: Self.usage, time: 9)
        #expect(machine.object.output[0]["content"]?[0]?["text"] == "")
    }

    @Test func aCutAnswerIsIncomplete() throws {
        var machine = try Self.machine()
        let events = machine.push(.content("a")) + machine.finish(.length, usage: Self.usage, time: 9)
        #expect(Self.types(events).last == "response.incomplete")
        let object = machine.object.json
        #expect(object["status"] == "incomplete" && object["incomplete_details"] == ["reason": "max_output_tokens"])
        #expect(object["output"]?[0]?["status"] == "incomplete" && object["completed_at"] == .null)
    }

    @Test func aFailureIsAnEventAndTheEnd() throws {
        var machine = try Self.machine()
        let events = machine.push(.content("a")) + machine.fail(.internal("It broke."))
        #expect(Self.types(events).suffix(3) == ["response.output_item.done", "error", "response.failed"])
        #expect(events[events.count - 2]["message"] == "It broke.")
        #expect(events.last?["response"]?["error"] == ["code": "server_error", "message": "It broke."])
        #expect(events.last?["response"]?["status"] == "failed")
    }

    @Test func aWaitingResponseGoesOnCounting() throws {
        var waiting = try Self.machine()
        #expect(Self.types(waiting.queue()) == ["response.created", "response.queued"])
        #expect(waiting.object.json["status"] == "queued")
        var running = ResponseEvents(waiting.object, style: ResponseStyle(), dialect: CallDialect(), firstNumber: waiting.nextNumber)
        let events = running.leaveQueue() + running.cancel()
        #expect(Self.types(events) == ["response.in_progress", "response.incomplete"])
        #expect(events.map { $0["sequence_number"]?.intValue } == [2, 3])
        #expect(events[1]["response"]?["status"] == "cancelled" && events[1]["response"]?["incomplete_details"] == .null)
    }

    @Test func anItemsIDLeadsToItsResponse() {
        #expect(ResponseEvents.response(ofItem: "msg_0123456789ABCDEFGHIJKL12") == Self.id)
        #expect(ResponseEvents.response(ofItem: ResponseItem.newID(.message)) == nil)
        #expect(ResponseEvents.response(ofItem: "x") == nil)
    }

    // MARK: Truncation

    @Test func theOldestGoFirst() throws {
        let input =
            try InputItem.input(
                in: JSON.parse(
                    #"""
                    {"input": [{"role": "developer", "content": "rules"}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
                     {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                     {"type": "function_call_output", "call_id": "c", "output": "x"}, {"role": "user", "content": "three"}]}
                    """#)
            )
        let items = (input ?? []).compactMap { item -> ResponseItem? in if case .item(let item) = item { item } else { nil } }
        #expect(ItemTruncation.dropping(items, excess: 1, of: 1000) == [items[0]] + items[2...])
        #expect(ItemTruncation.dropping([items[0]] + items[3...], excess: 1, of: 1000) == [items[0], items[5]])
        #expect(ItemTruncation.dropping(items, excess: 1000, of: 1000) == [items[0], items[5]])
        #expect(ItemTruncation.dropping([items[0], items[5]], excess: 1, of: 10) == nil)
        // A call stays if its output is the last item.
        #expect(ItemTruncation.dropping([items[3], items[4]], excess: 1, of: 10) == nil)
    }
}

extension ResponseEvents {
    fileprivate mutating func push(_ delta: AnswerDelta) -> [JSON] { push(delta, choice: 0) }

    fileprivate mutating func finish(_ reason: FinishReason, usage: Usage, time: Int) -> [JSON] {
        push(reason, choice: 0) + finish(usage, time: time)
    }
}
