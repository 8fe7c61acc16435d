import ShimmyCore
import ShimmyJSON

/// The translation of Ollama's messages and tools to those of a chat completion.
struct OllamaMessages {
    /// The translated messages; none if the request has none.
    private(set) var messages: [JSON] = []
    /// The translated tools. A tool that is not a function keeps its index, so that errors count the tools as the client does; the decoder of chat
    /// completions reports it as ignored.
    private(set) var tools: [JSON] = []
    private(set) var names = OllamaToolNames()
    private var calls = CallsWithoutIDs()
    /// Whether a result got the ID of a call instead of its own, which no call has.
    private(set) var matchesResults = false

    init(_ fields: FieldReader) throws(APIError) {
        try readTools(fields)
        for (index, element) in try fields.objects("messages", most: InputLimits.standard.messages).enumerated() {
            let message = try message(try fields.element(element, of: "messages", at: index))
            messages.append(message)
        }
    }

    private mutating func message(_ fields: FieldReader) throws(APIError) -> JSON {
        let role = try fields.requiredString("role").lowercased()
        let images = try OllamaImages.parts(fields, row: "messages[].images")
        var message: JSONObject = ["role": .string(role), "content": Self.content(try fields.string("content") ?? "", images)]
        message["reasoning_content"] = try fields.string("thinking").map(JSON.string)
        let made = try readCalls(fields)
        if !made.isEmpty { message["tool_calls"] = .array(made) }
        let (name, id) = (try fields.string("tool_name"), try fields.string("tool_call_id"))
        if role == "tool" {
            if let name { message["name"] = .string(names.forModel(name)) }
            let answered = calls.answer(id: id, name: name ?? "")
            message["tool_call_id"] = answered.map(JSON.string)
            if let id, !id.isEmpty, answered != nil, answered != id { matchesResults = true }
        } else if role != "assistant" {
            calls.endTurn()
        }
        return .object(message)
    }

    /// Returns the content of a message: its text, or parts if it has images.
    static func content(_ text: String, _ images: [JSON]) -> JSON {
        if images.isEmpty { return .string(text) }
        return .array((text.isEmpty ? [] : [["type": "text", "text": .string(text)]]) + images)
    }

    private mutating func readCalls(_ fields: FieldReader) throws(APIError) -> [JSON] {
        var made: [JSON] = []
        for (index, element) in try fields.objects("tool_calls").enumerated() {
            let call = try fields.element(element, of: "tool_calls", at: index)
            guard let function = try call.nested("function") else { throw .missing(call.path(to: "function")) }
            let name = try function.requiredString("name")
            // The calls are in the order of the array.
            _ = try function.integer("index", in: 0...Int64(Int32.max))
            let id = calls.add(id: try call.string("id"), name: name)
            let arguments = function.value("arguments") ?? [:]
            let known = JSON.string(names.forModel(name))
            made.append(["id": .string(id), "type": "function", "function": ["name": known, "arguments": arguments]])
        }
        return made
    }

    private mutating func readTools(_ fields: FieldReader) throws(APIError) {
        var functions: [(name: String, function: FieldReader)?] = []
        for (index, element) in try fields.objects("tools", most: InputLimits.standard.tools).enumerated() {
            let tool = try fields.element(element, of: "tools", at: index)
            guard try tool.string("type") ?? "function" == "function" else {
                functions.append(nil)
                continue
            }
            guard let function = try tool.nested("function") else { throw .missing(tool.path(to: "function")) }
            let name = try function.requiredString("name")
            functions.append((name: name, function: function))
        }
        // Names that stay as they are have priority over names that change.
        names = OllamaToolNames(functions.compactMap { $0?.name })
        for entry in functions {
            guard let (name, function) = entry else {
                tools.append(["type": "unknown"])
                continue
            }
            var translated: JSONObject = ["name": .string(names.forModel(name))]
            translated["description"] = try function.string("description").map(JSON.string)
            translated["parameters"] = function.value("parameters")
            tools.append(["type": "function", "function": .object(translated)])
        }
    }
}

/// The calls of a turn and the results that they got so far. Many clients send neither IDs of calls nor `tool_call_id`: a result belongs to
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

    /// Forgets the calls so far. Results follow their calls before the next turn of the user.
    mutating func endTurn() {
        (byName, byID) = ([:], [:])
        first = calls.count
    }

    /// Returns the ID of the call that a result answers; nil if there is none.
    /// - id: the ID that the client sent; nil or empty if it sent none. An ID that no call has counts as none.
    mutating func answer(id: String?, name: String) -> String? {
        if let id, let index = byID[id] {
            calls[index].isOpen = false
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
