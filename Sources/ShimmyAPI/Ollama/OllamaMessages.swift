import ShimmyCore
import ShimmyJSON

/// The translation of Ollama's messages and tools to those of a chat completion.
enum OllamaMessages {
    /// Returns the messages; none if the request has none.
    static func messages(_ fields: FieldReader) throws(APIError) -> [JSON] {
        var calls = CallsWithoutIDs()
        var messages: [JSON] = []
        for (index, element) in try fields.objects("messages", most: InputLimits.standard.messages).enumerated() {
            messages.append(try message(try fields.element(element, of: "messages", at: index), &calls))
        }
        return messages
    }

    private static func message(_ fields: FieldReader, _ calls: inout CallsWithoutIDs) throws(APIError) -> JSON {
        let role = try fields.requiredString("role").lowercased()
        var message: JSONObject = ["role": .string(role), "content": .string(try fields.string("content") ?? "")]
        message["reasoning_content"] = try fields.string("thinking").map(JSON.string)
        let made = try self.calls(fields, &calls)
        if !made.isEmpty { message["tool_calls"] = .array(made) }
        let (name, id) = (try fields.string("tool_name"), try fields.string("tool_call_id"))
        if role == "tool" {
            message["name"] = name.map(JSON.string)
            message["tool_call_id"] = calls.answer(id: id, name: name ?? "").map(JSON.string)
        }
        return .object(message)
    }

    private static func calls(_ fields: FieldReader, _ known: inout CallsWithoutIDs) throws(APIError) -> [JSON] {
        var calls: [JSON] = []
        for (index, element) in try fields.objects("tool_calls").enumerated() {
            let call = try fields.element(element, of: "tool_calls", at: index)
            guard let function = try call.nested("function") else { throw .missing(call.path(to: "function")) }
            let name = try function.requiredString("name")
            // The calls are in the order of the array.
            _ = try function.integer("index", in: 0...Int64(Int32.max))
            let id = known.add(id: try call.string("id"), name: name)
            let arguments = function.value("arguments") ?? [:]
            calls.append(["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": arguments]])
        }
        return calls
    }

    /// Returns the tools. A tool that is not a function keeps its index, so that errors count the tools as the client does; the decoder of chat
    /// completions reports it as ignored.
    static func tools(_ fields: FieldReader) throws(APIError) -> [JSON] {
        var tools: [JSON] = []
        for (index, element) in try fields.objects("tools", most: InputLimits.standard.tools).enumerated() {
            let tool = try fields.element(element, of: "tools", at: index)
            guard try tool.string("type") ?? "function" == "function" else {
                tools.append(["type": "unknown"])
                continue
            }
            guard let function = try tool.nested("function") else { throw .missing(tool.path(to: "function")) }
            var translated: JSONObject = ["name": .string(try function.requiredString("name"))]
            translated["description"] = try function.string("description").map(JSON.string)
            translated["parameters"] = function.value("parameters")
            tools.append(["type": "function", "function": .object(translated)])
        }
        return tools
    }
}

/// The calls of a conversation and the results that they got so far. Many clients send neither IDs of calls nor `tool_call_id`: a result belongs to
/// the first open call of its tool, or else to the first open call. All lookups together take linear time.
private struct CallsWithoutIDs {
    private var calls: [(id: String, isOpen: Bool)] = []
    /// The indices of the calls of each tool, without those that were passed.
    private var byName: [String: ArraySlice<Int>] = [:]
    private var byID: [String: Int] = [:]
    /// The index of the first call that may be open.
    private var first = 0

    /// Adds a call and returns its ID: the client's, or a new one, which is the same each time that the client sends the conversation.
    mutating func add(id: String?, name: String) -> String {
        let index = calls.count
        let id = id.flatMap { $0.isEmpty ? nil : $0 } ?? "call_\(index + 1)"
        calls.append((id, true))
        byName[name, default: []].append(index)
        byID[id] = index
        return id
    }

    /// Returns the ID of the call that a result answers; nil if there is none.
    /// - id: the ID that the client sent; nil or empty if it sent none.
    mutating func answer(id: String?, name: String) -> String? {
        if let id, !id.isEmpty {
            if let index = byID[id] { calls[index].isOpen = false }
            return id
        }
        while let index = byName[name]?.popFirst() {
            if calls[index].isOpen { return close(index) }
        }
        while first < calls.count {
            first += 1
            if calls[first - 1].isOpen { return close(first - 1) }
        }
        return nil
    }

    private mutating func close(_ index: Int) -> String {
        calls[index].isOpen = false
        return calls[index].id
    }
}
