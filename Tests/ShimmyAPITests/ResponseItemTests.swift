import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// Items of the Responses API: their meaning, their stored form, and refusals.
@Suite struct ResponseItemTests {
    private static func input(_ json: String) throws -> [InputItem] {
        try InputItem.input(in: JSON.parse(#"{"input": \#(json)}"#)) ?? []
    }

    private static func items(_ json: String) throws -> [ResponseItem] {
        try input(json).map { item in
            guard case .item(let item) = item else { throw APIError.internal("a reference") }
            return item
        }
    }

    private static func error(_ json: String) -> APIError? {
        do {
            _ = try input(json)
            return nil
        } catch {
            return error as? APIError
        }
    }

    @Test func aTextIsAMessageOfTheUser() throws {
        let item = try #require(try Self.items(#""Hi""#).first)
        #expect(item.meaning == .message(.user, ["Hi"]))
        #expect(item.json["content"] == [["type": "input_text", "text": "Hi"]])
        #expect(item.id.hasPrefix("msg_"))
    }

    @Test func messagesComeInBothForms() throws {
        let items = try Self.items(
            #"""
            [{"role": "developer", "content": "a"}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "b"}]},
             {"role": "assistant", "content": "c", "phase": "final_answer"},
             {"type": "message", "id": "msg_1", "status": "incomplete", "role": "assistant",
              "content": [{"type": "output_text", "text": "d"}, {"type": "refusal", "refusal": "e"}]}, {"role": "system", "content": "f"}]
            """#)
        #expect(
            items.map(\.meaning) == [
                .message(.developer, ["a"]), .message(.user, ["b"]), .message(.assistant, ["c"]), .message(.assistant, ["d", "e"]),
                .message(.system, ["f"]),
            ])
        #expect(items[2].json["phase"] == "final_answer")
        #expect(items[2].json["content"] == [["type": "output_text", "annotations": [], "text": "c"]])
        #expect(items[3].id == "msg_1" && items[3].json["status"] == "incomplete")
        #expect(items[3].json["content"]?[0]?["annotations"] == [])
    }

    @Test func whatIsStoredReadsAsItWas() throws {
        let items = try Self.items(
            #"""
            [{"role": "user", "content": "a"}, {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
             {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"},
             {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "x"}]},
             {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "say \"hi\""},
             {"type": "custom_tool_call_output", "call_id": "c2", "output": "y"}]
            """#)
        for item in items { #expect(try ResponseItem(stored: JSON.parse(item.json.text)) == item) }
        #expect(items[2].json["arguments"] == #"{"a": 1}"#)
        #expect(items[4].meaning == .call(id: "c2", name: "g", arguments: #"{"input":"say \"hi\""}"#))
        #expect(items.map { String($0.id.prefix { $0 != "_" }) } == ["msg", "rs", "fc", "fco", "ctc", "ctco"])
    }

    @Test func thoughtsComeBackFromWhatWasSealed() throws {
        let sealed = SealedText.seal("hm ü")
        let item = try #require(try Self.items(#"[{"type": "reasoning", "summary": [], "encrypted_content": "\#(sealed)"}]"#).first)
        #expect(item.meaning == .reasoning("hm ü"))
        #expect(!sealed.contains("hm"))
    }

    /// A session that began on another server can continue here: encrypted items and items of tools that the other server ran are kept.
    @Test func itemsOfOtherServersAreKept() throws {
        let items = try Self.items(
            #"""
            [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": "gAAAAA"},
             {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAA"},
             {"type": "web_search_call", "id": "ws_1", "status": "searching", "action": {"type": "search", "query": "q"}},
             {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": []},
             {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "look", "arguments": "{\"a\":1}", "output": "found"},
             {"type": "mcp_call", "id": "mcp_2", "server_label": "s", "name": "look", "arguments": "{}", "error": {"type": "x"}},
             {"type": "tool_search_call", "execution": "server", "arguments": {}},
             {"type": "compaction_trigger"}, {"type": "program", "id": "p", "call_id": "c", "code": "1", "fingerprint": "f"}]
            """#)
        #expect(
            items.map(\.meaning) == [
                .reasoning("so"), .unseen, .unseen, .unseen, .made(id: "mcp_1", name: "look", arguments: #"{"a":1}"#, output: "found"),
                .made(id: "mcp_2", name: "look", arguments: "{}", output: #"{"type":"x"}"#), .unseen, .unseen, .unseen,
            ])
        #expect(items[0].json["encrypted_content"] == "gAAAAA" && items[2].json["status"] == "searching")
        #expect(items.map(\.unseenParts) == [[".encrypted_content"], [""], [""], [""], [], [], [""], [""], [""]])
        for item in items { #expect(try ResponseItem(stored: JSON.parse(item.json.text)) == item) }
        let messages = try ItemConversation.messages(items)
        #expect(messages.map(\.role) == [.assistant, .tool, .assistant, .tool])
        let request = try ResponseRequest(["model": "m", "input": .array([["role": "user", "content": "a"]] + items.map(\.json))])
        #expect(
            request.ignoredParameters.names == [
                "input[1].encrypted_content", "input[2]", "input[3]", "input[4]", "input[7]", "input[8]", "input[9]",
            ])
    }

    /// Agents send an output with an image again with each request.
    @Test func imagesInOutputsAreReplaced() throws {
        let items = try Self.items(
            #"""
            [{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
             {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "See:"},
              {"type": "input_image", "image_url": "data:image/png;base64,AA=="}, {"type": "input_file", "file_id": "x"}]},
             {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": ""},
             {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_image", "file_id": "x"}]}]
            """#)
        let (image, file) = ("[image omitted: this model reads only text]", "[file omitted: this model reads only text]")
        #expect(items[1].meaning == .output(callID: "c1", ["See:", .text(image), .text(file)]))
        #expect(items[3].meaning == .output(callID: "c2", [.text(image)]))
        #expect(items[1].json["output"]?[1]?["image_url"] == "data:image/png;base64,AA==", "the item is stored unchanged")
        for item in [items[0], items[2], items[3]] { #expect(try ResponseItem(stored: JSON.parse(item.json.text)) == item) }
        // Another model may read the image.
        let stored = try ResponseItem(stored: JSON.parse(items[1].json.text))
        let part = MediaPart(.image(url: "data:image/png;base64,AA==", detail: nil))
        #expect(stored.meaning == .output(callID: "c1", ["See:", .media(part), .text(file)]))
        #expect(stored.media == [part] && stored.mediaKinds.isEmpty && stored.unseenParts == [".output[2]"])
        let request = try ResponseRequest(["model": "m", "input": .array(items.map(\.json))])
        #expect(request.ignoredParameters.names == ["input[1].output[1]", "input[1].output[2]", "input[3].output[0]"])
        // The text itself is not reported.
        let text = try Self.items(
            #"[{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "\#(image)"}]}]"#)
        #expect(text[0].unseenParts.isEmpty)
    }

    @Test func toolsThatItemsBringMayBeCalled() throws {
        let items = try Self.items(
            #"""
            [{"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "x"}},
             {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [
              {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
              {"type": "namespace", "name": "crm", "description": "About customers.", "tools": [{"type": "function", "name": "find"}]}]},
             {"type": "tool_search_output", "execution": "server", "tools": [{"type": "web_search"}, {"type": "function", "name": "g"}]},
             {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "c"}, {"type": "function", "name": "f"}]}]
            """#)
        #expect(items.map(\.unseenParts) == [[], [], [".tools[0]"], []])
        for item in items { #expect(try ResponseItem(stored: JSON.parse(item.json.text)) == item) }
        let input: JSON = .array([["role": "user", "content": "a"]] + items.map(\.json))
        for (choice, mode) in [(JSON.null, ToolChoice.Mode.auto), ("none", .none), ("auto", .auto)] {
            var request = try ResponseRequest(["model": "m", "input": input, "tool_choice": choice])
            #expect(request.ignoredParameters.names == ["input[3].tools[0]"])
            try request.takeTools(of: items)
            #expect(request.chat.conversation.tools.map(\.name) == ["f", "crm__find", "g", "c"])
            #expect(request.chat.conversation.toolChoice.mode == mode)
            #expect(Set(request.dialect.tools.keys) == ["crm__find", "c"])
        }
        // The request's own tool of the same name takes precedence.
        let own: JSON = [["type": "function", "name": "f", "description": "mine"]]
        var request = try ResponseRequest(["model": "m", "input": input, "tools": own])
        try request.takeTools(of: items)
        #expect(request.chat.conversation.tools.map(\.name) == ["f", "crm__find", "g", "c"])
        #expect(request.chat.conversation.tools[0].description == "mine")
    }

    @Test func callsOfShellsAndPatchesAreCalls() throws {
        let items = try Self.items(
            #"""
            [{"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "status": "completed",
              "action": {"type": "exec", "command": ["ls", "-l"], "env": {}}},
             {"type": "local_shell_call_output", "id": "c1", "output": "a.txt"},
             {"type": "shell_call", "call_id": "c2", "action": {"commands": ["pwd"]}},
             {"type": "shell_call_output", "call_id": "c2", "output": [{"stdout": "/", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
             {"type": "apply_patch_call", "call_id": "c3", "status": "completed", "operation": {"type": "delete_file", "path": "a"}},
             {"type": "apply_patch_call_output", "call_id": "c3", "status": "failed"},
             {"type": "tool_search_call", "call_id": "c4", "execution": "client", "arguments": {"query": "x"}},
             {"type": "tool_search_output", "call_id": "c4", "execution": "client", "tools": [{"type": "function", "name": "f"}]},
             {"type": "function_call", "call_id": "c5", "namespace": "crm", "name": "find", "arguments": "{}"}]
            """#)
        #expect(
            items.map(\.meaning) == [
                .call(id: "c1", name: "local_shell", arguments: #"{"command":["ls","-l"],"env":{}}"#), .output(callID: "c1", ["a.txt"]),
                .call(id: "c2", name: "shell", arguments: #"{"commands":["pwd"]}"#),
                .output(callID: "c2", [#"{"stdout":"/","stderr":"","outcome":{"type":"exit","exit_code":0}}"#]),
                .call(id: "c3", name: "apply_patch", arguments: #"{"operation":{"type":"delete_file","path":"a"}}"#),
                .output(callID: "c3", ["failed"]), .call(id: "c4", name: "tool_search", arguments: #"{"query":"x"}"#),
                .output(callID: "c4", [#"[{"type":"function","name":"f"}]"#]), .call(id: "c5", name: "crm__find", arguments: "{}"),
            ])
        for item in items { #expect(try ResponseItem(stored: JSON.parse(item.json.text)) == item) }
    }

    @Test(arguments: [
        (#"5"#, "input", "invalid_type"),
        (#"["a"]"#, "input[0]", "invalid_type"),
        (#"[{"content": "a"}]"#, "input[0].type", "missing_required_parameter"),
        (#"[{"role": "tool", "content": "a"}]"#, "input[0].role", "invalid_value"),
        (#"[{"role": "user"}]"#, "input[0].content", "missing_required_parameter"),
        (#"[{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]"#, "input[0].content[0].type", "unsupported_value"),
        (#"[{"role": "user", "content": [{"type": "input_file"}]}]"#, "input[0].content[0].type", "unsupported_value"),
        (#"[{"role": "user", "content": [{"type": "text", "text": "a"}]}]"#, "input[0].content[0].type", "invalid_value"),
        (#"[{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]"#, "input[0].content[0].type", "invalid_value"),
        (#"[{"role": "user", "content": [{"type": "input_text"}]}]"#, "input[0].content[0].text", "missing_required_parameter"),
        (#"[{"type": "local_shell_call", "call_id": "c"}]"#, "input[0].action", "missing_required_parameter"),
        (#"[{"type": "shell_call_output", "call_id": "c", "output": 5}]"#, "input[0].output", "invalid_type"),
        (#"[{"type": "mcp_call", "id": "m", "name": "f", "arguments": 5}]"#, "input[0].arguments", "invalid_type"),
        (#"[{"type": "nonsense"}]"#, "input[0].type", "invalid_value"),
        (#"[{"type": "function_call", "call_id": "c", "name": "f"}]"#, "input[0].arguments", "missing_required_parameter"),
        (#"[{"type": "function_call_output", "output": "f"}]"#, "input[0].call_id", "missing_required_parameter"),
        (#"[{"type": "function_call_output", "call_id": "c", "output": 5}]"#, "input[0].output", "invalid_type"),
        (#"[{"type": "function_call_output", "call_id": "c", "output": [{"type": "x"}]}]"#, "input[0].output[0].type", "invalid_value"),
        (#"[{"type": "reasoning", "summary": "a"}]"#, "input[0].summary", "invalid_type"),
        (#"[{"type": "item_reference"}]"#, "input[0].id", "missing_required_parameter"),
        (#"[{"role": "user", "content": "a", "status": "done"}]"#, "input[0].status", "invalid_value"),
    ])
    func wrongItemsAreNamed(json: String, param: String, code: String) {
        let error = Self.error(json)
        #expect(error?.status == 400 && error?.param == param && error?.code == code, "\(String(describing: error))")
    }

    @Test func tooLongAnIDIsRefused() {
        let error = Self.error(#"[{"role": "user", "content": "a", "id": "\#(String(repeating: "x", count: 65))"}]"#)
        #expect(error?.param == "input[0].id" && error?.code == "string_above_max_length")
    }

    @Test func referencesAreLookedUp() async throws {
        let items = try Self.input(#"[{"type": "item_reference", "id": "msg_1"}, {"id": "msg_2"}]"#)
        #expect(items == [.reference(id: "msg_1", path: "input[0].id"), .reference(id: "msg_2", path: "input[1].id")])
        let known = ResponseItem(id: "msg_1", meaning: .reasoning("a"), json: [:])
        let resolved = try await InputItem.resolve([items[0]]) { $0 == "msg_1" ? known : nil }
        #expect(resolved == [known])
        await #expect(throws: APIError(status: 404, message: "Item with id 'msg_2' not found.", param: "input[1].id")) {
            _ = try await InputItem.resolve(items) { $0 == "msg_1" ? known : nil }
        }
    }

    // MARK: As messages

    @Test func aThoughtATextAndCallsAreOneMessage() throws {
        let items = try Self.items(
            #"""
            [{"role": "user", "content": "a"}, {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
             {"role": "assistant", "content": "b"}, {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
             {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
             {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"}, {"type": "function_call_output", "call_id": "c1", "output": "1"},
             {"role": "assistant", "content": "d"}, {"role": "assistant", "content": "e"}]
            """#)
        let calls: JSON = [
            ["id": "c1", "type": "function", "function": ["name": "f", "arguments": "{}"]],
            ["id": "c2", "type": "function", "function": ["name": "g", "arguments": #"{"input":"x"}"#]],
        ]
        #expect(
            try ItemConversation.messages(items) == [
                ChatMessage(.user, "a"), ChatMessage(role: .assistant, content: ["b"], toolCalls: calls, reasoning: "hm"),
                ChatMessage(role: .tool, content: ["2"], toolCallID: "c2"), ChatMessage(role: .tool, content: ["1"], toolCallID: "c1"),
                ChatMessage(.assistant, "d"), ChatMessage(.assistant, "e"),
            ])
    }

    @Test func whatLeadsIsOneSystemMessage() throws {
        let items = try Self.items(
            #"[{"role": "developer", "content": "b"}, {"role": "user", "content": "c"}, {"role": "developer", "content": "d"}]"#)
        #expect(
            try ItemConversation.messages(instructions: "a", items) == [
                ChatMessage(role: .system, content: ["a", "b"]), ChatMessage(.user, "c"), ChatMessage(.developer, "d"),
            ])
    }

    @Test func anOutputNeedsItsCall() throws {
        let items = try Self.items(#"[{"type": "function_call_output", "call_id": "c1", "output": "1"}]"#)
        #expect(throws: APIError(status: 400, message: "No tool call found for function call output with call_id c1.", param: "input")) {
            _ = try ItemConversation.messages(items)
        }
        #expect(throws: APIError(status: 400, message: "No tool call found for function call output with call_id c1.", param: "items[0].call_id")) {
            try CallOutputs.check(items)
        }
        let call = try Self.items(#"[{"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}]"#)
        try CallOutputs.check(items, after: call)
        try CallOutputs.check(call + items)
        #expect(throws: APIError.self) { try CallOutputs.check(items + call) }
        #expect(CallOutputs.withoutOrphans(items + call + items) == call + items)
    }

    @Test func aCallHasOneOutput() throws {
        let call = try Self.items(#"[{"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}]"#)
        let output = try Self.items(#"[{"type": "function_call_output", "call_id": "c1", "output": "1"}]"#)
        func error(_ items: [ResponseItem], after earlier: [ResponseItem]) -> APIError? {
            do {
                try CallOutputs.check(items, after: earlier, in: "input")
                return nil
            } catch {
                return error
            }
        }
        let second = error(output, after: call + output)
        #expect(second?.status == 400 && second?.param == "input[0].call_id" && second?.code == "duplicate_item")
        #expect(error(call + output + output, after: [])?.param == "input[2].call_id")
        #expect(error(output, after: [])?.param == "input")
        // Clients may reuse the IDs of answered calls.
        #expect(error(call + output, after: call + output) == nil)
    }

    /// A call without an output makes a request invalid, and no client can answer a call that was cut off.
    @Test func callsThatWereCutAreLeftOut() throws {
        let items = try Self.items(
            #"""
            [{"role": "user", "content": "a"},
             {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\"", "status": "incomplete"},
             {"type": "function_call_output", "call_id": "c1", "output": "1"},
             {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"b\"", "status": "incomplete"},
             {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"}, {"role": "user", "content": "c"}]
            """#)
        let messages = try ItemConversation.messages(items)
        let calls = messages.flatMap { $0.toolCalls?.arrayValue ?? [] }
        #expect(calls.map { $0["id"] } == ["c1", "c2"] && calls.first?["function"]?["arguments"] == .string(JSON.string(#"{"a""#).text))
        let request = try ResponseRequest(["model": "m", "input": .array(items.map(\.json))])
        let conversation = try request.chat(items).conversation
        #expect(conversation.normalizations == [.omittedCalls] && conversation.messages == messages)
        #expect(try request.chat(Array(items.prefix(3))).conversation.normalizations.isEmpty)
    }
}
